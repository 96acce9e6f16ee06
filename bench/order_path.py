"""Count what an order costs until it is confirmed: ours, a tutorial's and a lean one.

`python -m bench.order_path` prints the table of `docs/performance.md`; `--write` puts it into the
page. Of the two reference stacks (`bench.reference_stacks`), states,
invocations, events, traces and keys are counted in their templates; of ours, as in `bench.costs`.
What code does is not in a template: a function writes one row, and logs as the table says.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App

from bench.costs import CALL_SECONDS, LOG_KB_PER_CALL, MEMORY_GB, STATES_PER_SAGA
from bench.page_tables import DOCS, show
from bench.reference_stacks import LEAN, TUTORIAL, ReferenceStack
from ops.prices import (
    API_REQUEST,
    BUS_EVENT,
    DPU,
    EXPRESS_EXECUTION,
    EXPRESS_GB_SECOND,
    GB_SECOND,
    INVOCATION,
    KEY_REQUEST,
    LOG_GB,
    MILLION,
    READ_UNIT,
    STATE_TRANSITION,
    TOPIC_PUBLISH,
    TRACE,
    WRITE_UNIT,
)

TUTORIAL_LOG_KB = 3
"""Lambda's lines of start, end and report, and the event printed whole."""
EXPRESS_LOG_KB = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPath:
    """What an order uses from its request until it is confirmed."""

    transitions: int
    calls: int
    events: int
    writes: int
    """Write units of tables."""
    log_kb: float
    """Of all calls together."""
    reads: int = 0
    notices: int = 0
    """Messages published on a topic."""
    traces: int = 0
    key_requests: int = 0
    """Requests to KMS with a key of one's own."""
    dpus: float = 0.0
    express: bool = False

    def dollars(self) -> Mapping[str, float]:
        """Return the costs of a million orders, by what they are for."""
        saga = (
            EXPRESS_EXECUTION.unit_usd + EXPRESS_GB_SECOND.unit_usd / 16
            if self.express
            else self.transitions * STATE_TRANSITION.unit_usd
        )
        log_gb = (self.log_kb + self.express * EXPRESS_LOG_KB) / MILLION
        compute = self.calls * CALL_SECONDS * MEMORY_GB * GB_SECOND.unit_usd
        each = {
            "state machine": saga,
            "functions": self.calls * INVOCATION.unit_usd + compute,
            "tables": self.writes * WRITE_UNIT.unit_usd + self.reads * READ_UNIT.unit_usd,
            "ledger": self.dpus * DPU.unit_usd,
            "events": self.events * BUS_EVENT.unit_usd + self.notices * TOPIC_PUBLISH.unit_usd,
            "API": API_REQUEST.unit_usd,
            "logs": log_gb * LOG_GB.unit_usd,
            "traces": self.traces * TRACE.unit_usd,
            "keys": self.key_requests * KEY_REQUEST.unit_usd,
        }
        return {name: usd * MILLION for name, usd in each.items()}


OURS = OrderPath(
    transitions=STATES_PER_SAGA,
    # place_order, the three steps, and the relays: orders three times, inventory, payments,
    # shipping.
    calls=10,
    # OrderPlaced, PaymentTaken, ShipmentBooked, OrderConfirmed.
    events=4,
    notices=2,
    # Placed 6, claimed 1, confirmed 2, reserved 7, booked 1: `bench.costs`.
    writes=17,
    reads=4,
    log_kb=10 * LOG_KB_PER_CALL,
    traces=1,
    # Half of an order's transactions.
    dpus=0.5,
)


def count_path(template: Mapping[str, Any], *, log_kb_per_call: float) -> OrderPath:
    """Return what the order path of a reference stack uses, by its template."""
    resources = list(template["Resources"].values())
    (machine,) = (r for r in resources if r["Type"] == "AWS::StepFunctions::StateMachine")
    parts = machine["Properties"]["DefinitionString"]["Fn::Join"][1]
    definition = json.loads("".join(part if isinstance(part, str) else "arn" for part in parts))
    states = list(_states_entered(definition))
    services = [re.findall(r":states:::(\w+):|$", s.get("Resource", ""))[0] for s in states]
    calls = 1 + services.count("lambda")
    writes = calls + services.count("dynamodb")
    events = 1 + services.count("events")
    traced = any(r.get("Properties", {}).get("TracingConfig") for r in resources)
    with_key = any(r["Type"] == "AWS::KMS::Key" for r in resources)
    return OrderPath(
        transitions=len(states),
        calls=calls,
        events=events,
        notices=services.count("sns"),
        writes=writes,
        log_kb=calls * log_kb_per_call,
        traces=int(traced),
        # The bus and the topic for each message. DynamoDB keeps a table's key for five minutes.
        key_requests=with_key * (2 * events + services.count("sns")),
    )


def _states_entered(definition: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the states of an execution in which nothing is refused."""
    name = definition["StartAt"]
    while name:
        state = definition["States"][name]
        yield state
        name = state["Choices"][0]["Next"] if state["Type"] == "Choice" else state.get("Next")


def order_paths() -> Mapping[str, OrderPath]:
    """Return the paths that are compared, by name."""
    with TemporaryDirectory() as folder:
        app = App(outdir=folder, builtin_cloud_formation_validation=False)
        tutorial = ReferenceStack(app, "Tutorial", states=TUTORIAL, tutorial=True)
        lean = ReferenceStack(app, "Lean", states=LEAN, tutorial=False)
        templates = {each.stack_name: each.template for each in app.synth().stacks}
    return {
        "tutorial": count_path(templates[tutorial.stack_name], log_kb_per_call=TUTORIAL_LOG_KB),
        "lean": count_path(templates[lean.stack_name], log_kb_per_call=LOG_KB_PER_CALL),
        "ours, Standard": OURS,
        "ours, Express": replace(OURS, express=True),
    }


def render(paths: Mapping[str, OrderPath]) -> str:
    """Return the table of the page."""
    dollars = {name: path.dollars() for name, path in paths.items()}
    lines = [["USD for a million orders", *dollars], ["---"] * (1 + len(dollars))]
    for part in next(iter(dollars.values())):
        lines.append([part, *(f"{found[part]:.1f}" for found in dollars.values())])
    totals = {name: sum(found.values()) for name, found in dollars.items()}
    lines.append(["**together**", *(f"**{total:.1f}**" for total in totals.values())])
    for other in ("tutorial", "lean"):
        lines.append([f"× {other}", *(f"{t / totals[other]:.2f}" for t in totals.values())])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    """Print the table, or write it into the page."""
    show(DOCS / "performance.md", [render(order_paths())], sys.argv[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main())
