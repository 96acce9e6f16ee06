"""What each check of ``checks.data`` must report."""

from typing import Any

from tests.templates import kinds
from tests.templates.breakages.common import Breakage, Case, change, take_from_policy
from tests.templates.checks import data
from tests.templates.synthesis import Platform, Resource


def retain(kind: str, **changed: Any) -> Breakage:
    """Change attributes of the resource other than its properties."""

    def break_it(broken: Platform) -> Resource:
        resource = next(broken.all(kind))
        resource.declaration.update(changed)
        return resource

    return break_it


def change_replica(**changed: Any) -> Breakage:
    def break_it(broken: Platform) -> Resource:
        table = next(broken.all(kinds.TABLE))
        table.properties["Replicas"][0].update(changed)
        return table

    return break_it


BREAKAGES: list[Case] = [
    *(
        (data.data_is_retained_only_in_prod, retain(kind, DeletionPolicy="Snapshot"))
        for kind in (*data.PROTECTED, *data.UNPROTECTED)
    ),
    (data.data_is_retained_only_in_prod, retain(kinds.TABLE, UpdateReplacePolicy="")),
    (
        data.data_is_retained_only_in_prod,
        change_replica(DeletionProtectionEnabled="perhaps"),
    ),
    (
        data.data_is_retained_only_in_prod,
        change(kinds.DSQL, DeletionProtectionEnabled="perhaps"),
    ),
    (data.only_data_is_retained, retain(kinds.TOPIC, DeletionPolicy="Retain")),
    (
        data.table_has_point_in_time_recovery,
        change_replica(PointInTimeRecoverySpecification={}),
    ),
    (
        data.physical_names_are_contracts,
        change(kinds.QUEUE, QueueName="dead-letters"),
    ),
    (
        data.physical_names_are_contracts,
        change(kinds.RULE, "AlertOrderNeedsAttention", Name="AlertOrderNeedsAttention"),
    ),
    (
        data.physical_names_are_contracts,
        change(kinds.LOG_GROUP, "GetOrder", LogGroupName="/aws/lambda/GetOrder"),
    ),
    *(
        (data.bucket_is_private_and_expires, change(kinds.BUCKET, "", name))
        for name in (
            "PublicAccessBlockConfiguration",
            "BucketEncryption",
            "LifecycleConfiguration",
        )
    ),
    (
        data.bucket_is_private_and_expires,
        take_from_policy(kinds.BUCKET_POLICY, "ProjectionDeadLettersPolicy", "Deny", kinds.BUCKET),
    ),
    *(
        (data.data_is_retained_only_in_prod, retain(kind, DeletionPolicy="Snapshot"))
        for kind in (kinds.STREAM, kinds.BUCKET)
    ),
]
