"""Replay a time of the archive to rules that hear replays.

Without --yes it only says what it would do. No live rule but the catch-all hears replays: they are
for a rule of your own, whose pattern has "replay-name": [{"exists": true}]. Whatever is behind it
gets events twice, and in no order. Interrupted, it cancels the replay.
"""

import argparse
import json
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ops.commands import DONE
from ops.deployed import Deployed, OperationError
from ops.output import print_json, print_text
from ops.replay.archive import Archive, Replay
from ops.replay.plan import ReplayPlan, Rule, parse_time, select_rules
from ops.terminal import Terminal

PAUSE = 2


def arguments(parser: ArgumentParser) -> None:
    """Declare what this verb takes."""
    parser.add_argument(
        "--from",
        dest="since",
        type=_parse_time,
        required=True,
        metavar="TIME",
        help="of the first events, such as 2026-12-01T08:00 (UTC)",
    )
    parser.add_argument(
        "--to", dest="until", type=_parse_time, metavar="TIME", help="of the last (default: now)"
    )
    parser.add_argument(
        "--rule",
        dest="rules",
        action="append",
        default=[],
        metavar="NAME",
        help="who is to hear them; may be given several times",
    )
    parser.add_argument("--yes", action="store_true", help="do it")
    parser.add_argument("--json", action="store_true", help="say it for scripts")


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Say what would be replayed; with ``--yes``, do it and follow it to its end."""
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
        print_text("\n".join(plan.lines(now=now)))
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
    """Say how far a replay is until it has ended; whatever ends this before cancels it."""
    try:
        while (progress := replay.progress())["State"] != "COMPLETED":
            last = progress.get("EventLastReplayedTime")
            share = (last - plan.since) / (plan.until - plan.since) if last else 0
            say(f"replayed: {share:.0%}" + (f", up to {last:%Y-%m-%d %H:%M:%S}" if last else ""))
            pause(PAUSE)
    finally:
        replay.cancel()
    say("replayed: 100%")


def rules_of(events: Any, bus: str) -> list[Rule]:
    """The rules of a bus, those that hear replays with their targets."""
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


def _targets(events: Any, bus: str, rule: Rule) -> list[str]:
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
        raise argparse.ArgumentTypeError(f"{text} is no time such as 2026-12-01T08:00") from None
