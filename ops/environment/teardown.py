"""Prepare an environment for its destruction: empty its buckets, delete leftover stacks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ops.deployed import OperationError
from ops.dlq.templates import BUCKET, Resource, Templates
from ops.environment.retained import KEPT, find_to_be_kept

MAX_KEYS = 1_000
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeardownPlan:
    """What has to be done before an environment's stacks can be deleted, and what stays."""

    buckets: Sequence[Resource]
    """The buckets that are deleted with their stacks, and so have to be empty."""
    leftover_stacks: Sequence[str]
    """The stacks that the app does not know, and so does not delete."""
    kept: Sequence[Resource]
    """What stays."""


def plan_teardown(templates: Templates, leftover_stacks: Sequence[str]) -> TeardownPlan:
    """Return the buckets to empty, the stacks to delete, and the resources that stay."""
    return TeardownPlan(
        buckets=[
            bucket for bucket in templates.resources(BUCKET) if bucket.deletion_policy not in KEPT
        ],
        leftover_stacks=leftover_stacks,
        kept=list(find_to_be_kept(templates)),
    )


def empty_bucket(s3: Any, bucket: str) -> int:
    """Delete every version of every object; return their number.

    Raises:
        OperationError: S3 refused to delete some.
    """
    deleted = 0
    for versions in _versions(s3, bucket):
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True})
        if errors := answer.get("Errors"):
            first = errors[0]
            raise OperationError(
                f"{bucket} keeps {len(errors)} objects, such as {first['Key']}: {first['Message']}"
            )
        deleted += len(versions)
    return deleted


def delete_stacks(stacks: Any, names: Sequence[str], note: Callable[[str], None]) -> None:
    """Delete stacks one after the other, and wait for each deletion.

    Raises:
        WaiterError: a stack could not be deleted.
    """
    for name in names:
        note(f"deleting {name}")
        stacks.delete_stack(StackName=name)
        stacks.get_waiter("stack_delete_complete").wait(StackName=name)


def _versions(s3: Any, bucket: str) -> Iterator[list[dict[str, str]]]:
    # In a bucket without versioning, each object has the version "null".
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, MaxKeys=MAX_KEYS)
    for page in pages:
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if found:
            yield [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
