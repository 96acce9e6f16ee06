"""The rules for changes of contracts: what a release may change since the last one.

Contracts are compared as plain JSON, in the form of ``tests/contracts/released.json``: each event's
metadata, the schemas of its versions, the published version, and the versions that each service
reads. docs/how-to/change-an-event.md has the procedure.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Json = Any
HOW_TO = "docs/how-to/change-an-event.md"


def find_problems(released: Json, current: Json) -> list[str]:
    """Return a line for each change that breaks a service, with what to do in which release."""
    return [
        *_changed_samples(released, current),
        *_missing_samples(released, current),
        *_broken_versions(released, current),
        *_dropped_versions(released, current),
        *_unread_versions(current),
        *_published_too_early(released, current),
    ]


def describe_release(released: Json, current: Json) -> list[str]:
    """Return a line for each event whose versions change: release A, release B, or another change.

    docs/how-to/change-an-event.md describes releases A and B. If no event's versions change, one
    line says so.
    """
    lines = []
    for name, event in current["events"].items():
        before = released["events"].get(name)
        if before is None:
            lines.append(f"{name}: a new event, version {event['publishes']}")
        elif event["publishes"] > before["publishes"]:
            lines.append(f"{name}: release B, which publishes version {event['publishes']}")
        elif event["publishes"] < before["publishes"]:
            lines.append(f"{name}: goes back to publishing version {event['publishes']}")
        elif newer := set(event["versions"]) - set(before["versions"]):
            lines.append(
                f"{name}: release A, which reads version {' and '.join(sorted(newer))}"
                f" and still publishes {event['publishes']}"
            )
    return lines or ["no event changes its version: one release"]


def _changed_samples(released: Json, current: Json) -> Iterator[str]:
    for sample, digest in released["samples"].items():
        if current["samples"].get(sample) != digest:
            done = "was edited" if sample in current["samples"] else "was removed"
            yield f"{sample} {done}: restore it; a new meaning is a new version with its own sample"


def _missing_samples(released: Json, current: Json) -> Iterator[str]:
    known = {*released["samples"], *current["samples"]}
    for name, event in current["events"].items():
        for version in event["versions"]:
            sample = f"{name}.v{version}.json"
            if sample not in known:
                yield (
                    f"{name} {version} has no sample: write tests/contracts/samples/{sample}, from "
                    "that of another event or version (docs/how-to/add-an-event.md)"
                )


def _broken_versions(released: Json, current: Json) -> Iterator[str]:
    """Yield each version whose schema changed so that its consumers cannot read it any more."""
    for name, before in released["events"].items():
        after = current["events"].get(name)
        if after is None:
            continue
        for identity in ("source", "topic", "via_destination", "subject_field"):
            if after[identity] != before[identity]:
                yield f"{name}: its {identity} changed: make it an event with a name of its own"
        for version, schema in before["versions"].items():
            for fault in _breaks(schema, after["versions"].get(version, schema), ""):
                new = max(map(int, before["versions"])) + 1
                yield (
                    f"{name} {version}: {fault}. Make it version {new} in two releases: A reads "
                    f"{version} and {new} and publishes {version}, B publishes {new} ({HOW_TO})"
                )


def _breaks(before: Json, after: Json, place: str) -> Iterator[str]:
    """Yield the differences between schemas that break readers of new events, or of old ones."""
    if "anyOf" in before and "anyOf" in after:
        yield from _breaks(before["anyOf"][0], after["anyOf"][0], place)
    elif _kind(before) != _kind(after):
        yield f"{place} was {_kind(before)} and is {_kind(after)}"
    elif _limits(before) != _limits(after):
        yield f"{place} was limited to {_limits(before)} and is to {_limits(after)}"
    elif before.get("type") == "array":
        yield from _breaks(before["items"], after["items"], f"{place}[]")
    elif before.get("type") == "object":
        yield from _broken_fields(before, after, place)


def _broken_fields(before: Json, after: Json, place: str) -> Iterator[str]:
    for name, schema in before["properties"].items():
        field = f"{place}.{name}" if place else name
        if name not in after["properties"]:
            if name in before["required"]:
                yield f"{field} was removed, and consumers of the last release need it"
            continue
        yield from _breaks(schema, after["properties"][name], field)
        if name in after["required"] and name not in before["required"]:
            yield f"{field} was optional and is required, and older events lack it"
        if name in before["required"] and name not in after["required"]:
            yield f"{field} was required and is optional, and consumers of the last release need it"
    for name in after["required"]:
        if name not in before["properties"]:
            field = f"{place}.{name}" if place else name
            yield f"{field} is new and required, and older events lack it: give it a default"


def _limits(schema: Json) -> dict[str, Json]:
    """Return a schema's limits. They must not change.

    Wider limits break consumers of the last release; narrower ones reject older events.
    """
    structure = ("type", "items", "properties", "required", "anyOf")
    return {name: value for name, value in schema.items() if name not in structure}


def _kind(schema: Json) -> str:
    if "anyOf" in schema:
        return f"{_kind(schema['anyOf'][0])} or null"
    return str(schema["type"])


def _dropped_versions(released: Json, current: Json) -> Iterator[str]:
    """Yield each version that cannot be read any more, though such events may still arrive.

    They stay in queues for two weeks, and in the archive for its retention.
    """
    for service, before in released["consumers"].items():
        now = current["consumers"].get(service, {})
        for name in set(before) & set(now):
            for version in sorted(set(before[name]) - set(now[name])):
                yield (
                    f"{service} no longer reads {name} {version}, and such events are in queues "
                    f"and in the archive: keep the upcaster from {version}, in every release"
                )


def _unread_versions(current: Json) -> Iterator[str]:
    for service, read in current["consumers"].items():
        for name, versions in read.items():
            newest = max(map(int, current["events"][name]["versions"]))
            if newest not in versions:
                yield (
                    f"{service} does not read {name} {newest}: let all its consumers read it in "
                    f"this release, A, before B publishes it; for a saga see READ_VERSIONS"
                )


def _published_too_early(released: Json, current: Json) -> Iterator[str]:
    for name, event in current["events"].items():
        version, before = event["publishes"], released["events"].get(name)
        deaf = _not_reading(released["consumers"], name, version)
        if before is not None and deaf:
            yield (
                f"{name} {version} is published, and {', '.join(deaf)} of the last release do not "
                f"read it: in this release, A, set publishes = {before['publishes']} with a "
                f"downcaster; publish {version} in the next, B"
            )


def _not_reading(
    consumers: Mapping[str, Mapping[str, list[int]]], name: str, version: int
) -> list[str]:
    return sorted(
        service for service, read in consumers.items() if name in read and version not in read[name]
    )
