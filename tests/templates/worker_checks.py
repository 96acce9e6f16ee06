"""What must hold for the instances on which workers run; as in ``checks``."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.templates.checks.code import READERS
from tests.templates.checks.common import Check, as_list, permissions
from tests.templates.kinds import QUEUE, ROLE, RULE, TOPIC
from tests.templates.synthesis import ROOT, Platform, Resource

GROUP, HOOK = "AWS::AutoScaling::AutoScalingGroup", "AWS::AutoScaling::LifecycleHook"
SCALING = "AWS::AutoScaling::ScalingPolicy"
TEMPLATE, PROFILE = "AWS::EC2::LaunchTemplate", "AWS::IAM::InstanceProfile"
SECURITY_GROUP, SUBNET = "AWS::EC2::SecurityGroup", "AWS::EC2::Subnet"
INGRESS = "AWS::EC2::SecurityGroupIngress"
PAID_NETWORK = ("AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::EC2::FlowLog")
HOST = ROOT / "workers" / "host"
CHECKS: list[Check] = []


def check(function: Check) -> Check:
    """Register a check."""
    CHECKS.append(function)
    return function


def launched_by(platform: Platform, group: Resource) -> Resource:
    template = platform.referred(
        group.stack, group.properties["LaunchTemplate"]["LaunchTemplateId"]
    )
    if template is None:
        raise LookupError(f"{group} launches nothing of ours")
    return template


def data(template: Resource) -> Any:
    return template.properties["LaunchTemplateData"]


def settings(template: Resource) -> dict[str, Any]:
    """What the user data writes into /etc/worker.env; references stay what they are."""
    parts = data(template)["UserData"]["Fn::Base64"]["Fn::Join"][1]
    references: list[Any] = []
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
        else:
            text += f"\0{len(references)}\0"
            references.append(part)
    written = re.search(r"/etc/worker\.env <<'END'\n(.*?)\nEND\n", text, re.DOTALL)
    lines = written[1].splitlines() if written else []
    found = dict(line.split("=", 1) for line in lines)
    return {
        name: references[int(value.strip("\0"))] if value.startswith("\0") else value
        for name, value in found.items()
    }


@cache
def unit(name: str) -> dict[str, str]:
    """A systemd unit's options; the sections do not repeat them."""
    lines = (HOST / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def queues_read_by(platform: Platform, group: Resource) -> Iterator[Resource]:
    """The queues that a group's workers read."""
    given = settings(launched_by(platform, group))
    for name, value in given.items():
        if name.endswith("_QUEUE_URL") and "DEAD_LETTER" not in name:
            queue = platform.referred(group.stack, value)
            if queue is not None:
                yield queue


@check
def workers_span_two_zones(platform: Platform) -> Iterator[str]:
    for group in platform.all(GROUP):
        subnets = [
            platform.referred(group.stack, subnet)
            for subnet in group.properties["VPCZoneIdentifier"]
        ]
        zones = {json.dumps(s.properties["AvailabilityZone"]) for s in subnets if s is not None}
        if len(zones) < 2:
            yield f"{group}: one zone that fails takes all of it along"


@check
def workers_have_no_ingress(platform: Platform) -> Iterator[str]:
    for group in platform.all(SECURITY_GROUP):
        if group.properties.get("SecurityGroupIngress"):
            yield f"{group}: it lets something in"
        for rule in group.properties.get("SecurityGroupEgress", []):
            if (rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort")) != ("tcp", 443, 443):
                yield f"{group}: it lets more out than TLS"
    for rule in platform.all(INGRESS):
        yield f"{rule}: it lets something in"
    for template in platform.all(TEMPLATE):
        if data(template).get("KeyName"):
            yield f"{template}: people get in by Session Manager, not by SSH"
        for interface in data(template)["NetworkInterfaces"]:
            if not interface.get("Groups"):
                yield f"{template}: it is in the network's default security group"


@check
def instance_is_hardened_arm64(platform: Platform) -> Iterator[str]:
    for template in platform.all(TEMPLATE):
        given = data(template)
        options = given.get("MetadataOptions", {})
        if options.get("HttpTokens") != "required":
            yield f"{template}: its metadata can be had without a token"
        if options.get("HttpPutResponseHopLimit") != 1:
            yield f"{template}: its metadata can be had from behind it"
        if not re.fullmatch(r"[a-z]\d+g[a-z]*\.\w+", given.get("InstanceType", "")):
            yield f"{template}: {given.get('InstanceType')} is not arm64"
        if not re.fullmatch(r"resolve:ssm:/aws/service/ami-.*arm64", given.get("ImageId", "")):
            yield f"{template}: {given.get('ImageId')} is not the newest image for arm64"
        for volume in given.get("BlockDeviceMappings", []):
            if not volume["Ebs"].get("Encrypted"):
                yield f"{template}: its volume is not encrypted"


@check
def no_network_is_billed_by_the_hour(platform: Platform) -> Iterator[str]:
    """And the local cloud knows none of these."""
    for resource in platform.all(*PAID_NETWORK):
        yield f"{resource}: it costs by the hour"


@check
def group_scales_with_backlog(platform: Platform) -> Iterator[str]:
    for group in platform.all(GROUP):
        least, most = (int(group.properties[name]) for name in ("MinSize", "MaxSize"))
        if not least:
            continue
        if not least < most:
            yield f"{group}: it cannot scale between {least} and {most}"
        collected = [
            metric
            for collection in group.properties.get("MetricsCollection", [])
            for metric in collection.get("Metrics", [])
        ]
        if "GroupInServiceInstances" not in collected:
            yield f"{group}: nobody knows how many instances it has"
        policies = [
            policy
            for policy in platform.all(SCALING)
            if policy.properties["AutoScalingGroupName"] == {"Ref": group.id}
        ]
        for queue in queues_read_by(platform, group):
            if not any(_counts(policy, queue) for policy in policies):
                yield f"{group}: it does not grow with {queue.id}, or does not shrink"


def _counts(policy: Resource, queue: Resource) -> bool:
    tracking = policy.properties.get("TargetTrackingConfiguration", {})
    metrics = tracking.get("CustomizedMetricSpecification", {}).get("Metrics", [])
    ids = [
        metric["Id"]
        for metric in metrics
        if metric.get("MetricStat", {}).get("Metric", {}).get("Dimensions")
        == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue.id, "QueueName"]}}]
    ]
    (result, *more) = [metric for metric in metrics if metric["ReturnData"]] or [{}]
    return (
        not more
        and not tracking.get("DisableScaleIn")
        and any(f"FILL({id}, 0)" in result.get("Expression", "") for id in ids)
        and result.get("Expression", "").endswith(" / instances")
    )


@check
def group_updates_wait_for_signals(platform: Platform) -> Iterator[str]:
    for group in platform.all(GROUP):
        least, most = (int(group.properties[name]) for name in ("MinSize", "MaxSize"))
        created = group.declaration.get("CreationPolicy", {}).get("ResourceSignal", {})
        if least and (created.get("Count") != least or not created.get("Timeout")):
            yield f"{group}: it is there before its instances are"
        rolling = group.declaration.get("UpdatePolicy", {}).get("AutoScalingRollingUpdate", {})
        if not rolling.get("WaitOnResourceSignals") or not rolling.get("PauseTime"):
            yield f"{group}: a change that does not come up is not rolled back"
        if not least <= rolling.get("MinInstancesInService", 0) < most:
            yield f"{group}: a change leaves nobody at work, or cannot begin"
        script = json.dumps(data(launched_by(platform, group))["UserData"])
        signal = f"cfn-signal --stack {group.stack} --resource {group.id} "
        if "trap exitTrap EXIT\\nset -euo pipefail" not in script or signal not in script:
            yield f"{group}: its instances do not say how they came up"
        if not script.rstrip('"}]').endswith("bash /opt/worker/workers/host/install.sh"):
            yield f"{group}: its instances say so before the program is ready"


@check
def instance_drains_before_termination(platform: Platform) -> Iterator[str]:
    stop = int(unit("worker.service")["TimeoutStopSec"])
    for group in platform.all(GROUP):
        given = settings(launched_by(platform, group))
        if stop <= int(given["WAIT_SECONDS"]) + int(given["GRACE_SECONDS"]):
            yield f"{group}: its program is killed while it drains"
        for queue in queues_read_by(platform, group):
            if queue.properties["VisibilityTimeout"] != int(given["LEASE_SECONDS"]):
                yield f"{group}: its lease is not the visibility time-out of {queue.id}"
        hooks = [
            hook.properties
            for hook in platform.all(HOOK)
            if hook.properties["AutoScalingGroupName"] == {"Ref": group.id}
        ]
        if not any(
            hook["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
            and hook["DefaultResult"] == "CONTINUE"
            and hook["HeartbeatTimeout"] > stop
            and hook["LifecycleHookName"] == given["HOOK"]
            and group.properties["AutoScalingGroupName"] == given["GROUP"]
            for hook in hooks
        ):
            yield f"{group}: its instances go with what they have in hand"
        role = role_of(platform, launched_by(platform, group))
        completing = [
            statement
            for holder, statement in permissions(platform)
            if str(holder) == str(role)
            and "autoscaling:CompleteLifecycleAction" in as_list(statement["Action"])
        ]
        if not any(given["GROUP"] in json.dumps(s["Resource"]) for s in completing):
            yield f"{group}: its instances may not say that they have drained"


def role_of(platform: Platform, template: Resource) -> Resource | None:
    profile = platform.referred(template.stack, data(template)["IamInstanceProfile"]["Arn"])
    if profile is None or profile.kind != PROFILE:
        return None
    role = platform.referred(profile.stack, profile.properties["Roles"][0])
    return role if role is not None and role.kind == ROLE else None


@check
def worker_has_all_its_settings(platform: Platform) -> Iterator[str]:
    for group in platform.all(GROUP):
        given = settings(launched_by(platform, group))
        package = ROOT / given["PROGRAM"].replace(".", "/")
        asked = {
            node.args[0].value
            for module in package.glob("*.py")
            for node in ast.walk(ast.parse(module.read_text()))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in READERS
            and isinstance(node.args[0], ast.Constant)
        }
        if asked - given.keys():
            yield f"{group}: it is not given {', '.join(sorted(map(str, asked - given.keys())))}"
        for name, value in given.items():
            if not name.endswith("_DEAD_LETTER_QUEUE_URL"):
                continue
            source = platform.referred(group.stack, given[name.replace("_DEAD_LETTER", "")])
            redrive = (source and source.properties.get("RedrivePolicy")) or {}
            dead_letters = platform.referred(group.stack, redrive.get("deadLetterTargetArn"))
            if dead_letters is None or dead_letters != platform.referred(group.stack, value):
                yield f"{group}: {name} is not the dead-letter queue of its queue"


@check
def scaling_events_reach_operations(platform: Platform) -> Iterator[str]:
    listening = [rule for rule in platform.all(RULE) if "EventBusName" not in rule.properties]
    for group in platform.all(GROUP):
        name = group.properties["AutoScalingGroupName"]
        event_types = {
            kind
            for rule in listening
            if rule.properties["EventPattern"]["detail"].get("AutoScalingGroupName") == [name]
            and all(_is(platform, rule, target, TOPIC) for target in rule.properties["Targets"])
            for kind in rule.properties["EventPattern"]["detail-type"]
        }
        for outcome in ("Launch", "Terminate"):
            for how in ("Successful", "Unsuccessful"):
                if f"EC2 Instance {outcome} {how}" not in event_types:
                    yield f"{group}: no rule reports {outcome} {how} (notify_of_scaling)"


def _is(platform: Platform, rule: Resource, target: Any, kind: str) -> bool:
    found = platform.referred(rule.stack, target["Arn"])
    return found is not None and found.kind == kind


@check
def worker_queues_are_bounded(platform: Platform) -> Iterator[str]:
    for group in platform.all(GROUP):
        for queue in queues_read_by(platform, group):
            redrive = queue.properties.get("RedrivePolicy", {})
            dead_letters = platform.referred(queue.stack, redrive.get("deadLetterTargetArn"))
            if dead_letters is None or dead_letters.kind != QUEUE:
                yield f"{queue}: what nobody can do is tried for ever"
            elif not 5 <= redrive.get("maxReceiveCount", 0) <= 20:
                yield f"{queue}: messages are tried too seldom, or too often"
