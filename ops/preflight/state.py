"""Checks of the deployed environment, and of what the new one will cost."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ops.dlq.discovery import find_failure_sinks
from ops.dlq.readers import reader_for
from ops.environment.leftovers import find_leftover_stacks, find_switched_off
from ops.preflight.findings import Finding, Preflight, fine, note, stop

ROOT = Path(__file__).resolve().parents[2]
COSTS = Path("docs/costs.md")
READERS = 8


def check_leftovers(preflight: Preflight) -> Iterator[Finding]:
    """What is deployed and no longer configured."""
    there = preflight.there.by_stack
    leftovers = find_leftover_stacks(preflight.wanted, there)
    switched_off = list(find_switched_off(preflight.wanted, there))
    for name in leftovers:
        yield note(
            f"{name} is deployed and no longer configured, and goes on as it is: configure it, "
            f"or delete it (aws cloudformation delete-stack --stack-name {name})"
        )
    for sentence in switched_off:
        yield note(f"{sentence}: is a setting missing in stacks/environments.py?")
    if not leftovers and not switched_off:
        yield fine("all that is deployed is still configured")


def check_dead_letters(preflight: Preflight) -> Iterator[Finding]:
    """Dead letters, which a replaced consumer or queue might leave behind."""
    sinks = find_failure_sinks(preflight.there)
    if not sinks:
        yield fine("no dead letters: nothing is deployed")
        return
    clients = {name: preflight.client(name) for name in ("sqs", "s3")}
    with ThreadPoolExecutor(READERS) as pool:
        depths = pool.map(lambda sink: reader_for(sink, clients.__getitem__).depth().total, sinks)
        waiting = {sink.name: depth for sink, depth in zip(sinks, depths, strict=True) if depth}
    if not waiting:
        yield fine(f"no dead letters in {len(sinks)} queues and buckets")
        return
    verdict = stop if preflight.keeps_data else note
    number, names = sum(waiting.values()), ", ".join(sorted(waiting))
    yield verdict(
        f"{number} dead letters wait in {names}:"
        " redrive them first (python -m ops dlq list --non-empty)"
    )


def check_costs(preflight: Preflight) -> Iterator[Finding]:
    """What the environment costs at rest, by the page that is computed from the templates."""
    name = preflight.deployed.environment
    table = re.search(
        rf"^`{re.escape(name)}`:$.*?^\| \*\*together\*\* .*?\*\*([0-9.]+)\*\* \|$",
        (ROOT / COSTS).read_text(),
        re.MULTILINE | re.DOTALL,
    )
    if table:
        yield fine(f"without orders it costs some {float(table[1]):.0f} USD a month ({COSTS})")
    else:
        yield note(f"{COSTS} does not say what {name} costs without orders")
