"""The permissions that the deployed app grants, and which of them are used in all tests.

A permission is one action on one resource, for one role or service. It is named by logical ids,
which are the same in every cloud:
``Orders-Dev-Orders/PlaceOrderRole: dynamodb:PutItem on table/Orders``.
"""

import functools
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from emulator.cloud import Cloud, UsedPermission, running
from tests.support.policy_statements import POLICIES, like, listed, principals, sources
from tests.support.small_stacks import client
from tests.support.work_units import work_unit

BOOTSTRAP = "CDKToolkit"
READ_WITH_THEIR_RESOURCE = {
    "AWS::IAM::Policy",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::Lambda::Permission",
}
GRANT_NOTHING = {"AWS::AutoScaling::ScalingPolicy"}
DEFAULT_OF_SNS = "__default_statement_ID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One action on one resource, as a statement in a cloud allows it."""

    holder: str
    """The owner of the policy: a role, or a resource."""
    principal: str
    action: str
    resource: str
    source: str
    """The resource for which a service may do it; without it, for any."""

    def allows(self, used: UsedPermission) -> bool:
        """Return whether this grant allows the permission that was used."""
        return (
            like(used.principal, self.principal)
            and like(used.action.lower(), self.action.lower())
            and like(used.resource, self.resource)
            and like(used.source, self.source)
        )


@dataclass(frozen=True, slots=True)
class GrantUsage:
    """The permissions that were granted, and those of them that were used."""

    granted: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)

    def add(self, cloud: Cloud, only: tuple[str, ...] = ("",)) -> None:
        """Enter what the app's stacks in this cloud grant, and what was used of it.

        ``only`` those called so, where others are there for their sake.
        """
        used_permissions = cloud.used_permissions()
        resources = list(resources_of(cloud))
        named = functools.partial(rename, dict(names(resources)))
        for grant in grants(cloud, _of(resources, only)):
            right = f"{grant.holder}: {grant.action} on {named(grant.resource)}"
            if not grant.principal.startswith("arn:"):
                right += f" by {grant.principal} for {named(grant.source)}"
            self.granted.add(right)
            if any(grant.allows(used) for used in used_permissions):
                self.used.add(right)

    def faults(self, reasons: Mapping[str, str], by_chance: Mapping[str, str]) -> list[str]:
        """What is granted and never used without a reason, and reasons that hold no more.

        What is used only by chance may be used or not.
        """
        unused = {right for right in self.granted - self.used if not among(by_chance, right)}
        return [
            *(
                f"granted, never used: {right}"
                for right in sorted(unused)
                if not among(reasons, right)
            ),
            *(f"listed, but used: {right}" for right in sorted(self.used) if among(reasons, right)),
            *(
                f"listed, but not granted: {pattern}"
                for pattern in sorted({**reasons, **by_chance})
                if not any(fnmatchcase(right, pattern) for right in self.granted)
            ),
        ]


def among(patterns: Iterable[str], right: str) -> bool:
    """Return whether a right matches one of the patterns."""
    return any(fnmatchcase(right, pattern) for pattern in patterns)


RIGHTS = Path(__file__).resolve().parents[2] / "build" / "rights"
"""Where each module of tests leaves what its cloud granted and used."""


@contextmanager
def cloud_recording_grants(only: tuple[str, ...] = ("",)) -> Iterator[Cloud]:
    """Run a local cloud for a module of tests, or for a package whose files share it.

    It leaves at its end what was granted and used.

    ``only`` is as in ``Ledger.add``.
    """
    with running() as cloud:
        yield cloud
        ledger = GrantUsage()
        ledger.add(cloud, only)
        RIGHTS.mkdir(parents=True, exist_ok=True)
        module = Path(work_unit(os.environ["PYTEST_CURRENT_TEST"]))
        rights = {"granted": sorted(ledger.granted), "used": sorted(ledger.used)}
        (RIGHTS / f"{module.stem}.json").write_text(json.dumps(rights))


def recorded_grants() -> Mapping[str, GrantUsage]:
    """Return what each module or package of tests has recorded."""
    return {
        path.stem: GrantUsage(
            **{key: set(names) for key, names in json.loads(path.read_text()).items()}
        )
        for path in RIGHTS.glob("*.json")
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource of one of the app's stacks."""

    stack: str
    kind: str
    logical_id: str
    physical_id: str

    @property
    def name(self) -> str:
        """The logical id without the hash that the CDK appends."""
        return re.sub(r"[0-9A-F]{8}$", "", self.logical_id)


def _of(resources: list[Resource], stacks: tuple[str, ...]) -> list[Resource]:
    return [each for each in resources if any(name in each.stack for name in stacks)]


def resources_of(cloud: Cloud) -> Iterator[Resource]:
    stacks = client(cloud, "cloudformation")
    for stack in stacks.describe_stacks()["Stacks"]:
        name = stack["StackName"]
        if name == BOOTSTRAP:
            continue
        for found in stacks.describe_stack_resources(StackName=name)["StackResources"]:
            yield Resource(
                stack=name,
                kind=found["ResourceType"],
                logical_id=found["LogicalResourceId"],
                physical_id=found["PhysicalResourceId"],
            )


def physical(cloud: Cloud, kind: str) -> dict[str, str]:
    """Return the physical ids of the resources of a type, by logical id without its hash."""
    return {each.name: each.physical_id for each in resources_of(cloud) if each.kind == kind}


def grants(cloud: Cloud, resources: list[Resource]) -> Iterator[Grant]:
    for resource in resources:
        read = POLICIES.get(resource.kind)
        if read is None:
            known = resource.kind in READ_WITH_THEIR_RESOURCE | GRANT_NOTHING
            assert known or not resource.kind.endswith(("Policy", "Permission")), resource
            continue
        for statement in read(cloud, resource.physical_id):
            if statement["Effect"] != "Allow" or statement.get("Sid") == DEFAULT_OF_SNS:
                continue
            for principal in principals(statement["Principal"]):
                for source in sources(statement):
                    for action in listed(statement["Action"]):
                        for on in listed(statement["Resource"]):
                            yield Grant(
                                holder=f"{resource.stack}/{resource.name}",
                                principal=principal,
                                action=action,
                                resource=on,
                                source=source,
                            )


def names(resources: list[Resource]) -> Iterator[tuple[str, str]]:
    """The logical name for each physical name that may occur in an ARN."""
    for resource in resources:
        physical = resource.physical_id.rpartition("/" if "://" in resource.physical_id else ":")[2]
        # The ARN of a stream's consumer ends with the second in which it was made: that is no name.
        if len(physical) >= 8 and "/consumer/" not in resource.physical_id:
            yield physical, resource.name


def rename(names: Mapping[str, str], arn: str) -> str:
    """An ARN's own part, by logical names."""
    for physical in sorted(names, key=len, reverse=True):
        arn = arn.replace(physical, names[physical])
    own = re.sub(r"/stream/[\dTZ:.-]+$", "/stream/*", arn.split(":", 5)[-1])
    return re.sub(r"(/consumer/[^:]+):\d+$", r"\1", own)
