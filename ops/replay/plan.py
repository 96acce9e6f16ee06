"""The plan of a replay: its rules, and the estimated number of events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.contracts.times import format_time
from ops.deployed import OperationError

ARCHIVE_LAG = timedelta(minutes=10)
"""How far the archive may lag behind the bus.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html#eb-archive-timing
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of the archive's bus."""

    name: str
    arn: str
    enabled: bool
    pattern: Mapping[str, Any]
    targets: Sequence[str]
    """Their ARNs."""

    @property
    def receives(self) -> str:
        """Which replayed events match the rule, in words; empty if none do.

        Replayed events have ``replay-name``. They match every pattern that does not exclude it.
        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
        """
        if "replay-name" not in self.pattern:
            return "live and replayed events"
        return "replayed events" if {"exists": True} in self.pattern["replay-name"] else ""

    @property
    def unreachable_because(self) -> str:
        """Why no replay can reach the rule's targets; empty if one can."""
        if not self.receives:
            return "excludes replayed events, so that nothing is done twice"
        if not self.enabled:
            return "is disabled"
        return "" if self.targets else "has no target"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """A plan to replay the events from ``since`` to ``until`` to some rules."""

    archive: Mapping[str, Any]
    """What DescribeArchive returned."""
    since: datetime
    until: datetime
    rules: Sequence[Rule]

    def estimated_events(self, *, now: datetime) -> int | None:
        """Estimate the number of events, as if they were spread evenly over the archive's time.

        Return None if the archive has no count yet. EventBridge counts an archive's events once a
        day, and does not say when they happened.
        """
        count, first = self.archive["EventCount"], self.archive["CreationTime"]
        if days := self.archive.get("RetentionDays"):
            first = max(first, now - timedelta(days=days))
        covered = min(self.until, now) - max(self.since, first)
        share = max(covered / (now - first), 0.0)
        return round(count * min(share, 1.0)) if count else None

    def as_json(self, *, now: datetime) -> dict[str, Any]:
        """Return the plan as JSON, for scripts."""
        return {
            "archive": self.archive["ArchiveName"],
            "events_in_archive": self.archive["EventCount"],
            "bytes_in_archive": self.archive["SizeBytes"],
            "from": format_time(self.since),
            "to": format_time(self.until),
            "events_estimated": self.estimated_events(now=now),
            "rules": [
                {"name": rule.name, "receives": rule.receives, "targets": list(rule.targets)}
                for rule in self.rules
            ],
        }

    def lines(self, *, now: datetime) -> Iterator[str]:
        """Yield the lines of the plan for people."""
        archive, estimated_events = self.archive, self.estimated_events(now=now)
        days = archive.get("RetentionDays")
        kept = f"of the last {days} days" if days else "of all time"
        yield f"archive  {archive['ArchiveName']}"
        yield f"holds    {archive['EventCount']:,} events {kept}, as counted once a day"
        yield f"from     {self.since:%Y-%m-%d %H:%M:%S} UTC"
        yield f"to       {self.until:%Y-%m-%d %H:%M:%S} UTC"
        many = "an unknown number" if estimated_events is None else f"some {estimated_events:,}"
        yield f"events   {many}: EventBridge does not say when they came"
        if self.until > now - ARCHIVE_LAG:
            yield "         those of the last ten minutes may not be in the archive yet"
        for rule in self.rules:
            yield f"rule     {rule.name} receives {rule.receives}"
            yield from (f"           sends to {short_name(target)}" for target in rule.targets)


def select_rules(rules: Sequence[Rule], names: Sequence[str]) -> list[Rule]:
    """Return the rules with these names.

    Raises:
        OperationError: no name was given, or a replay cannot reach one of the rules. The message
            names the rules that a replay can reach.
    """
    known = {rule.name: rule for rule in rules}
    problems = [
        f"{name} {known[name].unreachable_because if name in known else 'is no rule of the bus'}"
        for name in names
        if name not in known or known[name].unreachable_because
    ]
    if problems or not names:
        reachable = ", ".join(rule.name for rule in rules if not rule.unreachable_because) or "none"
        wrong = "; ".join(problems) or "name the rules that are to get it"
        raise OperationError(f"{wrong}. Rules that accept a replay: {reachable}")
    return [known[name] for name in dict.fromkeys(names)]


def parse_time(text: str) -> datetime:
    """Return the time in a text in ISO 8601. It is UTC unless it has an offset.

    Raises:
        ValueError: the text is no time.
    """
    time = datetime.fromisoformat(text)
    try:
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text} is not in the calendar") from error


def short_name(arn: str) -> str:
    """Return the service and the name in an ARN."""
    _, _, service, _, _, name = arn.split(":", 5)
    return f"{service} {name}"
