"""Compare templates with earlier ones: what an update would replace, lose, open or not do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ops.changes.templates import INDEXES, REPLACING, UNIMPORTANT, Template, compared_properties

KEPT = {"Retain", "RetainExceptOnCreate"}
QUEUE, FUNCTION = "AWS::SQS::Queue", "AWS::Lambda::Function"
MAPPING, MACHINE = "AWS::Lambda::EventSourceMapping", "AWS::StepFunctions::StateMachine"
DATA: Mapping[str, str] = {
    "AWS::Cognito::UserPool": "its users",
    "AWS::DSQL::Cluster": "its rows",
    "AWS::DynamoDB::GlobalTable": "its items",
    "AWS::Events::Archive": "its events",
    "AWS::Events::EventBus": "its rules and archive",
    "AWS::Kinesis::Stream": "its records",
    "AWS::Logs::LogGroup": "its logs",
    "AWS::S3::Bucket": "its objects",
    QUEUE: "its messages",
}
"""Types that hold something, and what."""
POLICIES = {
    "AWS::SQS::QueuePolicy": "Queues",
    "AWS::SNS::TopicPolicy": "Topics",
    "AWS::S3::BucketPolicy": "Bucket",
}
"""Types that guard another resource, and the property that names it."""


class Effect(StrEnum):
    """The effect of a change on a deployed resource."""

    REFUSED = "refused"
    """CloudFormation would not do it, and would roll the stack back."""
    LOST = "lost"
    """Something would be deleted, or no longer be used."""
    OPENED = "opened"
    """A guard would be missing for a moment."""
    REPLACED = "replaced"
    """A new one would be made, and the old one deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change that matters before the deployment."""

    effect: Effect
    stack: str
    id: str
    kind: str
    """The CloudFormation type."""
    text: str
    """What would happen, and what to do."""

    def __str__(self) -> str:
        kind = self.kind.removeprefix("AWS::")
        return f"{self.effect}: {self.stack}/{self.id} ({kind}): {self.text}"


def compare(before: Mapping[str, Template], after: Mapping[str, Template]) -> list[Change]:
    """Return the changes of the stacks that are in both sets, sorted by stack and logical id."""
    return [
        Change(effect=effect, stack=stack, id=id, kind=kind, text=text)
        for stack in sorted({*before} & {*after})
        for id, kind, effect, text in _compare(before[stack], after[stack])
    ]


_Found = Iterator[tuple[str, str, Effect, str]]
_Said = Iterator[tuple[Effect, str]]


def _compare(before: Template, after: Template) -> _Found:
    old, new = before["Resources"], after["Resources"]
    for id in sorted({*old, *new}):
        kind = (old.get(id) or new[id])["Type"]
        if kind in UNIMPORTANT:
            continue
        if id not in new:
            said = _removed(kind, old[id], new)
        elif id not in old:
            said = _added(kind, new[id], old)
        else:
            said = _changed(old[id], new[id])
        yield from ((id, kind, effect, text) for effect, text in said)


def _removed(kind: str, old: Any, new: Mapping[str, Any]) -> _Said:
    if kind in DATA:
        yield _loss(kind, old.get("DeletionPolicy", "Delete"))
    if kind in POLICIES:
        guarded = old.get("Properties", {}).get(POLICIES[kind])
        if any(
            each["Type"] == kind and each.get("Properties", {}).get(POLICIES[kind]) == guarded
            for each in new.values()
        ):
            yield (
                Effect.OPENED,
                "another one guards the same, and deleting this one may take that away: keep the "
                "id, or look at the policy afterwards and deploy it again",
            )


def _added(kind: str, new: Any, old: Mapping[str, Any]) -> _Said:
    name = _own_name(new)
    for other, declaration in old.items():
        if name and declaration["Type"] == kind and _own_name(declaration) == name:
            yield (
                Effect.REFUSED,
                f"{other} has the name {name} until this one is made: keep the id, or remove the "
                "old one in this release and add the new one in the next",
            )
    if kind == MAPPING and new["Properties"].get("StartingPosition"):
        yield from _new_mapping(new)


def _changed(old: Any, new: Any) -> _Said:
    kind = new["Type"]
    if old["Type"] != kind:
        yield (
            Effect.REFUSED,
            f"CloudFormation changes no type, here to {kind}: give the new one another id",
        )
        return
    yield from _changed_indexes(old, new)
    before, after = compared_properties(old), compared_properties(new)
    replacing = sorted(
        name for name in REPLACING.get(kind, ()) if before.get(name) != after.get(name)
    )
    if not replacing:
        return
    what = f"{' and '.join(replacing)} would change"
    name = _own_name(new)
    if name and _own_name(old) == name:
        yield (
            Effect.REFUSED,
            f"{what}, and CloudFormation replaces nothing with a name of its own: change the name "
            f"{name} too",
        )
    elif kind in DATA:
        effect, text = _loss(kind, old.get("UpdateReplacePolicy", "Delete"))
        yield effect, f"{what}: {text}"
    elif kind in POLICIES:
        yield Effect.OPENED, f"{what}: what it guards has no policy until the update is over"
    elif kind == MACHINE:
        yield (
            Effect.REPLACED,
            f"{what}: running executions end, and their orders are taken over after their lease; "
            "choose a quiet time (docs/how-to/change-the-saga-type.md)",
        )
    elif kind == MAPPING:
        yield from _new_mapping(new)
    else:
        yield Effect.REPLACED, f"{what}: read what depends on its id or ARN"


def _changed_indexes(old: Any, new: Any) -> _Said:
    """Yield what CloudFormation would refuse about a table's indexes.

    An update of a table can make or delete one index, and cannot change any.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-globaltable.html
    """
    before, after = _indexes(old), _indexes(new)
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    rebuilt = [name for name in changed if name in before and name in after]
    if rebuilt:
        yield (
            Effect.REFUSED,
            f"the index {', '.join(rebuilt)} would change: add one with another name in this "
            "release, use it in the next, and then remove the old one",
        )
    elif len(changed) > 1:
        yield (
            Effect.REFUSED,
            f"{len(changed)} indexes would come or go ({', '.join(changed)}): one in each release",
        )


def _indexes(table: Any) -> Mapping[str, Any]:
    found = table.get("Properties", {}).get(INDEXES, [])
    return {
        index["IndexName"]: {name: index.get(name) for name in ("KeySchema", "Projection")}
        for index in found
    }


def _loss(kind: str, policy: str) -> tuple[Effect, str]:
    content = DATA[kind]
    if policy in KEPT:
        return Effect.LOST, (
            f"it would be kept with {content}, and not be used any more (python -m ops retained "
            "lists it): keep the id, or move what is in it"
        )
    if kind == QUEUE:
        return Effect.LOST, f"{content} would be deleted: keep the id, or empty it first"
    return Effect.LOST, f"{content} would be deleted: keep the id, or copy them first"


def _new_mapping(mapping: Any) -> _Said:
    match mapping["Properties"].get("StartingPosition"):
        case "LATEST":
            yield Effect.LOST, "the new one misses what comes before it begins: keep the id"
        case str():
            yield (
                Effect.REPLACED,
                "the new one begins with the oldest record: its consumer gets all of them again, "
                "which changes nothing, and is behind meanwhile",
            )


def _own_name(declaration: Any) -> str | None:
    """Return the name that the template gives a resource, if it is one that must be unique."""
    kind = declaration["Type"]
    names = {"Name", "Domain", "PolicyName", "TableName", f"{kind.rpartition('::')[2]}Name"}
    for property in sorted(names & {*REPLACING.get(kind, ())}):
        value = declaration.get("Properties", {}).get(property)
        if isinstance(value, str):
            return value
    return None
