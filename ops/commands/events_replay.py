"""Replay the events of a period from the archive, to rules that accept replays.

Without --yes, nothing is replayed. Of the deployed rules, two accept replayed events: the catch-all
logs them, and what the rule for rebuilds gets waits for the next rebuild. Make a rule of your own,
with "replay-name": [{"exists": true}] in its pattern. Its targets may get events twice, and in any
order. An interruption cancels the replay.
"""

import argparse
import json
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ops.commands import DONE
from ops.commands.options import add_json_option, add_yes_option
from ops.deployed import Deployed, OperationError
from ops.output import print_json, print_lines, print_text
from ops.replay.archive import Archive, Replay
from ops.replay.plan import ReplayPlan, Rule, parse_time, select_rules
from ops.terminal import Terminal

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient


PAUSE = 2
"""Seconds between two looks at the progress."""


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--from",
        dest="since",
        type=_parse_time,
        required=True,
        metavar="TIME",
        help="the time of the first events, such as 2026-12-01T08:00 (UTC)",
    )
    parser.add_argument(
        "--to",
        dest="until",
        type=_parse_time,
        metavar="TIME",
        help="the time of the last events (default: now)",
    )
    parser.add_argument(
        "--rule",
        dest="rules",
        action="append",
        default=[],
        metavar="NAME",
        help="a rule that gets them; may be repeated",
    )
    add_yes_option(parser)
    add_json_option(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Print the plan. With ``--yes``, start the replay and follow it to its end."""
    now = datetime.now(UTC)
    backbone = deployed.outputs("Backbone")
    events = deployed.client("events")
    archive = Archive(events, backbone["EventArchiveArn"])
    plan = ReplayPlan(
        archive=archive.describe(),
        since=arguments.since,
        until=min(arguments.until or now, now),
        rules=select_rules(rules_of(events, backbone["EventBus"]), arguments.rules),
    )
    if plan.since >= plan.until:
        raise OperationError("--from has to be before --to, and before now")
    if not arguments.json:
        print_lines(plan.lines(now=now))
    if arguments.yes:
        name = f"ops-{now:%Y%m%dT%H%M%S%f}"
        replay = archive.replay(
            name, since=plan.since, until=plan.until, rules=[rule.arn for rule in plan.rules]
        )
        follow(replay, plan, (lambda _: None) if arguments.json else terminal.say)
    elif not arguments.json:
        print_text("nothing was replayed; to do it, add --yes")
    if arguments.json:
        print_json({**plan.as_json(now=now), "replayed": arguments.yes})
    return DONE


def follow(
    replay: Replay,
    plan: ReplayPlan,
    say: Callable[[str], object],
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Show the progress of a replay until it ends. If this function ends earlier, cancel it."""
    try:
        while (progress := replay.progress())["State"] != "COMPLETED":
            last = progress.get("EventLastReplayedTime")
            share = (last - plan.since) / (plan.until - plan.since) if last else 0
            say(f"replayed: {share:.0%}" + (f", up to {last:%Y-%m-%d %H:%M:%S}" if last else ""))
            pause(PAUSE)
    finally:
        replay.cancel()
    say("replayed: 100%")


def rules_of(events: "EventBridgeClient", bus: str) -> list[Rule]:
    """Return the rules of a bus; those that accept replays have their targets."""
    rules = [
        Rule(
            name=rule["Name"],
            arn=rule["Arn"],
            enabled=rule["State"] != "DISABLED",
            pattern=json.loads(rule.get("EventPattern", "{}")),
            targets=(),
        )
        for page in events.get_paginator("list_rules").paginate(EventBusName=bus)
        for rule in page["Rules"]
    ]
    return [
        replace(rule, targets=_targets(events, bus, rule)) if rule.receives else rule
        for rule in rules
    ]


def _targets(events: "EventBridgeClient", bus: str, rule: Rule) -> list[str]:
    pages = events.get_paginator("list_targets_by_rule")
    return [
        target["Arn"]
        for page in pages.paginate(Rule=rule.name, EventBusName=bus)
        for target in page["Targets"]
    ]


def _parse_time(text: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a time such as 2026-12-01T08:00") from None
