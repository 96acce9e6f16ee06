"""Breakages of the workers' templates, each with the check that must report it."""

from collections.abc import Callable
from typing import Any

from tests.templates import kinds, worker_checks
from tests.templates.breakages.common import Breakage, Case
from tests.templates.checks.common import as_list, permissions
from tests.templates.kinds import RULE
from tests.templates.synthesis import Platform, Resource
from tests.templates.worker_checks import (
    GROUP,
    HOOK,
    SCALING,
    SECURITY_GROUP,
    TEMPLATE,
    data,
)
from tests.templates.worker_right_checks import (
    instance_may_do_what_its_user_data_does,
    people_reach_instances_by_session_manager,
)
from tests.templates.worker_start_checks import group_without_instances_starts_one


def edit(kind: str, change: Callable[[Any], object], *, blamed: str = "") -> Breakage:
    """Change a resource; ``blamed`` is the type of the one that has to be named."""

    def break_it(broken: Platform) -> Resource:
        resource = next(broken.all(kind))
        change(resource)
        return next(broken.all(blamed)) if blamed else resource

    return break_it


def properties(**changed: Any) -> Callable[[Resource], object]:
    return lambda resource: resource.properties.update(changed)


def launched(change: Callable[[Any], object]) -> Callable[[Resource], object]:
    return lambda template: change(data(template))


def tracked(change: Callable[[Any], object]) -> Callable[[Resource], object]:
    return lambda policy: change(policy.properties["TargetTrackingConfiguration"])


def change_alarm(**changed: Any) -> Breakage:
    """Change the alarm that starts an instance."""

    def break_it(broken: Platform) -> Resource:
        broken.one(kinds.ALARM, "WorkersStart").properties.update(changed)
        return next(broken.all(GROUP))

    return break_it


def rolled(**changed: Any) -> Callable[[Resource], object]:
    return lambda group: group.declaration["UpdatePolicy"]["AutoScalingRollingUpdate"].update(
        changed
    )


def script(old: str, new: str) -> Callable[[Resource], object]:
    """Change a text in the user data."""

    def change(template: Resource) -> None:
        join = data(template)["UserData"]["Fn::Base64"]["Fn::Join"]
        assert any(old in part for part in join[1] if isinstance(part, str))
        join[1] = [p.replace(old, new) if isinstance(p, str) else p for p in join[1]]

    return change


def into_one_zone(group: Resource) -> None:
    group.properties["VPCZoneIdentifier"] = group.properties["VPCZoneIdentifier"][:1]


def let_in(group: Resource) -> None:
    group.properties["SecurityGroupIngress"] = [{"CidrIp": "0.0.0.0/0", "IpProtocol": "-1"}]


def queue(id: str, **changed: Any) -> Breakage:
    """Change a queue that workers read."""

    def break_it(broken: Platform) -> Resource:
        broken.one(kinds.QUEUE, id).properties.update(changed)
        return next(broken.all(GROUP))

    return break_it


def drop_a_scaling_event(broken: Platform) -> Resource:
    broken.one(RULE, "NotifyOfWorkerScaling").properties["EventPattern"]["detail-type"].pop()
    return next(broken.all(GROUP))


def deny(action: str, **instead: Any) -> Breakage:
    """Deny an action to the instances, or change the statement that grants it."""

    def break_it(broken: Platform) -> Resource:
        for role, statement in permissions(broken):
            if role.id.startswith("Workers") and action in as_list(statement["Action"]):
                statement.update(instead or {"Action": "sts:GetCallerIdentity"})
        return next(broken.all(GROUP))

    return break_it


def remove_redrive_policy(broken: Platform) -> Resource:
    found = next(
        q
        for q in broken.all(kinds.QUEUE)
        if q.id.startswith("Picking") and "DeadLetters" not in q.id
    )
    found.properties["RedrivePolicy"]["maxReceiveCount"] = 1_000
    return found


def add(kind: str) -> Breakage:
    def break_it(broken: Platform) -> Resource:
        stack = next(broken.all(GROUP)).stack
        declaration: Any = {"Type": kind, "Properties": {}}
        broken.templates[stack]["Resources"]["Added"] = declaration
        return Resource(stack=stack, id="Added", declaration=declaration)

    return break_it


BAD_SIZES: list[dict[str, Any]] = [{"MinSize": "20"}, {"MaxSize": "1"}, {"MetricsCollection": []}]

BAD_STARTS: list[tuple[str, dict[str, Any]]] = [
    (GROUP, {"MaxSize": "2"}),
    (SCALING, {"AdjustmentType": "ChangeInCapacity"}),
    (SCALING, {"StepAdjustments": [{"ScalingAdjustment": 2}]}),
]
BAD_START_ALARMS: list[dict[str, Any]] = [
    {"TreatMissingData": "missing"},
    {"Threshold": 10},
    {"AlarmActions": []},
    {"Metrics": []},
]

BREAKAGES: list[Case] = [
    (worker_checks.workers_span_two_zones, edit(GROUP, into_one_zone)),
    (worker_checks.workers_have_no_ingress, edit(SECURITY_GROUP, let_in)),
    (
        worker_checks.workers_have_no_ingress,
        edit(SECURITY_GROUP, properties(SecurityGroupEgress=[{"IpProtocol": "-1"}])),
    ),
    (worker_checks.workers_have_no_ingress, add(worker_checks.INGRESS)),
    *(
        (worker_checks.workers_have_no_ingress, edit(TEMPLATE, launched(change)))
        for change in (
            lambda given: given.update(KeyName="mine"),
            lambda given: given["NetworkInterfaces"][0].pop("Groups"),
        )
    ),
    *(
        (worker_checks.instance_is_hardened_arm64, edit(TEMPLATE, launched(change)))
        for change in (
            lambda given: given["MetadataOptions"].update(HttpTokens="optional"),
            lambda given: given["MetadataOptions"].update(HttpPutResponseHopLimit=2),
            lambda given: given.update(InstanceType="t3.micro"),
            lambda given: given.update(ImageId="ami-1"),
            lambda given: given["BlockDeviceMappings"][0]["Ebs"].pop("Encrypted"),
        )
    ),
    *(
        (worker_checks.no_network_is_billed_by_the_hour, add(kind))
        for kind in worker_checks.PAID_NETWORK
    ),
    *(
        (worker_checks.group_scales_with_backlog, edit(GROUP, properties(**changed)))
        for changed in BAD_SIZES
    ),
    *(
        (
            worker_checks.group_scales_with_backlog,
            edit(SCALING, tracked(change), blamed=GROUP),
        )
        for change in (
            lambda tracking: tracking.update(DisableScaleIn=True),
            lambda tracking: tracking["CustomizedMetricSpecification"]["Metrics"].pop(0),
            lambda tracking: tracking["CustomizedMetricSpecification"]["Metrics"][-1].update(
                Expression="FILL(waiting0, 0) + FILL(waiting1, 0)"
            ),
        )
    ),
    *(
        (
            group_without_instances_starts_one,
            edit(kind, properties(**changed), blamed=GROUP),
        )
        for kind, changed in BAD_STARTS
    ),
    *(
        (group_without_instances_starts_one, change_alarm(**changed))
        for changed in BAD_START_ALARMS
    ),
    *(
        (worker_checks.group_updates_wait_for_signals, edit(GROUP, change))
        for change in (
            lambda group: group.declaration.pop("CreationPolicy"),
            rolled(WaitOnResourceSignals=False),
            rolled(PauseTime=None),
            rolled(MinInstancesInService=1),
            rolled(MinInstancesInService=20),
        )
    ),
    *(
        (
            worker_checks.group_updates_wait_for_signals,
            edit(TEMPLATE, script(old, new), blamed=GROUP),
        )
        for old, new in (
            ("trap exitTrap EXIT", ""),
            ("set -euo pipefail", ""),
            ("workers/host/install.sh", "workers/host/install.sh &"),
        )
    ),
    *(
        (
            worker_checks.instance_drains_before_termination,
            edit(HOOK, properties(**changed), blamed=GROUP),
        )
        for changed in (
            {"DefaultResult": "ABANDON"},
            {"HeartbeatTimeout": 60},
            {"LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"},
            {"LifecycleHookName": "another"},
        )
    ),
    *(
        (
            worker_checks.instance_drains_before_termination,
            edit(TEMPLATE, script(old, new), blamed=GROUP),
        )
        for old, new in (
            ("GRACE_SECONDS=40", "GRACE_SECONDS=60"),
            ("LEASE_SECONDS=30", "LEASE_SECONDS=60"),
            ("\nGROUP=", "\nGROUP=Another-"),
        )
    ),
    (
        worker_checks.instance_drains_before_termination,
        deny("autoscaling:CompleteLifecycleAction"),
    ),
    *(
        (instance_may_do_what_its_user_data_does, break_it)
        for break_it in (
            deny("logs:PutLogEvents"),
            deny("logs:CreateLogStream", Action=["logs:PutLogEvents"]),
            deny("s3:GetObject"),
            deny("s3:GetObject", Resource="arn:aws:s3:::bucket/another.zip"),
        )
    ),
    (people_reach_instances_by_session_manager, deny("ssmmessages:OpenDataChannel")),
    (
        worker_checks.worker_has_all_its_settings,
        edit(TEMPLATE, script("HEALTH_PORT=", "PORT="), blamed=GROUP),
    ),
    (
        worker_checks.worker_has_all_its_settings,
        queue("StockChangesQueue", RedrivePolicy={}),
    ),
    (worker_checks.scaling_events_reach_operations, drop_a_scaling_event),
    (worker_checks.worker_queues_are_bounded, remove_redrive_policy),
]
