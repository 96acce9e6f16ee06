"""Chaos: orders flow while all that lies between them and the cloud fails; then it is put right.

One seed decides what is ordered and what fails. When the faults have ended, an operator redrives
dead letters, repairs sagas, resumes orders and decides on duplicates until no work is left. Then
the promises are verified, as after every run of the demo.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from sqlite3 import Connection

from demo import phases
from demo.database import count
from demo.disturbances import KINDS, Disturbances
from demo.duplicates import Duplicates
from demo.invariants import Check, Violation
from demo.make_export import export
from demo.ops_command import start_ops
from demo.order_book import load_orders
from demo.recovery import OPEN, Recovery
from demo.run import Run, create_run, open_database, show_deployment
from demo.screen import Screen
from demo.verification import CHECKS, verify
from emulator.cloud import running
from emulator.faults import control
from emulator.faults.chance import Kind
from emulator.polling import poll

RATES: Mapping[Kind, float] = {
    Kind.THROTTLE: 0.02,
    Kind.SERVER_ERROR: 0.01,
    Kind.SERVER_ERROR_AFTER: 0.01,
    Kind.RESET: 0.01,
    Kind.RESET_AFTER: 0.01,
    Kind.LOST: 0.005,
    Kind.LATE: 0.005,
    Kind.LATENCY: 0.03,
    Kind.STALL: 0.0005,
    Kind.CUT: 0.001,
    Kind.DUPLICATE: 0.05,
    Kind.DELAY: 0.05,
    Kind.UNDELIVERED: 0.02,
    Kind.DEATH: 0.01,
}
"""The probability of each kind for a request, delivery, invocation or frame of the database."""
PAUSE = 10.0
"""The longest time between two disturbances of a kind, in seconds."""
GRACE = 30.0
"""For how many seconds faults go on when the last order was placed, if orders are open."""
SHOWN = 5
"""The number of orders whose journeys are printed."""

NO_EXCUSES = (
    Check(
        1,
        """SELECT order_id, 'was rejected for ' || coalesce(reason, 'no reason') FROM orders
        WHERE state = 'REJECTED' AND coalesce(reason, '') NOT IN
            ('OutOfStock', 'PaymentDeclined', 'AddressUndeliverable')""",
    ),
    Check(
        1,
        """SELECT order_id, 'was rejected as out of stock, and there was enough for all orders'
        FROM orders AS o WHERE reason = 'OutOfStock' AND NOT EXISTS (
            SELECT 1 FROM order_lines l WHERE l.order_id = o.order_id AND
            (SELECT sum(quantity) FROM order_lines d WHERE d.sku = l.sku) >
            (SELECT coalesce(sum(quantity), 0) FROM deliveries d WHERE d.sku = l.sku
                AND d.delivery_id LIKE 'chaos-%'))""",
    ),
    Check(
        1,
        f"SELECT order_id, 'is ' || state || ' after the operator was done' FROM {OPEN}",  # noqa: S608
    ),
    Check(1, "SELECT queue, 'has a dead letter after the operator was done' FROM dead_letters"),
)
"""What holds in addition: faults reject no order, and an operator gets everything to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a run."""

    seed: int
    states: Mapping[str, int]
    """The number of orders by state."""
    faults: Mapping[str, int]
    """By kind; 0 for those that never happened."""
    recovery: Recovery
    violations: Sequence[Violation]
    seconds: float

    def summary(self) -> str:
        """Return the run in one line."""
        happened = ", ".join(
            f"{number:,} × {kind}" for kind, number in self.faults.items() if number
        )
        never = ", ".join(kind for kind, number in self.faults.items() if not number)
        states = ", ".join(f"{number:,} {state.lower()}" for state, number in self.states.items())
        broken = Counter(violation.invariant for violation in self.violations)
        others = sum(broken.values()) - broken[1] - broken[2]
        return (
            f"seed {self.seed}: {sum(self.states.values()):,} orders ({states});"
            f" faults: {happened or 'none'}; never happened: {never or 'none'};"
            f" {self.recovery.dead_lettered:,} dead-lettered, {self.recovery.put_back:,} put back,"
            f" {len(self.recovery.unknown_mails):,} mails left to a person;"
            f" {broken[1]:,} lost, {broken[2]:,} doubled, {others:,} otherwise broken;"
            f" {self.seconds:.0f} s"
        )


def run_chaos(*, seed: int, orders: int, express: bool, port: int | None) -> int:
    """Send orders through a new local cloud full of faults; return 0, or 1 if a promise broke."""
    screen = Screen()
    screen.title(f"Chaos with seed {seed} and {'Express' if express else 'Standard'} workflows")
    with ExitStack() as stack:
        cloud = stack.enter_context(running(port=port))
        database = stack.enter_context(closing(open_database(cloud.directory / "run.sqlite3")))
        path = cloud.directory / "export.csv"
        path.write_bytes(b"".join(export(seed=seed, orders=orders, variant="retail")))
        load_orders(path, database)
        outputs = show_deployment(cloud, screen, express=express)
        run = create_run(cloud, outputs, database, reshard=False)
        outcome = play(run, screen, seed=seed)
        for violation in outcome.violations:
            screen.say(f"  {violation.invariant}: {violation.subject} {violation.problem}")
        show_journeys(run, screen, outcome.violations)
    screen.say(outcome.summary())
    return 1 if outcome.violations else 0


def play(
    run: Run,
    screen: Screen,
    *,
    seed: int,
    rates: Mapping[Kind, float] = RATES,
    pause: float = PAUSE,
    grace: float = GRACE,
) -> Outcome:
    """Send the loaded orders through the platform while things fail; put all right; verify."""
    began = time.monotonic()
    name = f"chaos-{seed}"
    disturbances = Disturbances(run.cloud, run.outputs, seed=seed, pause=pause)
    with (
        run.snapshot.listening(f"{name}-stock-events"),
        run.read_side.listening(f"{name}-order-events"),
        disturbances.workers(),
    ):
        phases.deliver_demand(run, screen, name)
        phases.fill_catalogue(run, screen)
        phases.register_customers(run, screen)
        control.begin(run.cloud, seed=seed, rates=rates)
        try:
            with disturbances.active():
                phases.submit_orders(run, screen, None)
                poll(lambda: not _open(run), seconds=grace, interval=1)
        finally:
            injected = control.end(run.cloud)
        repeated = Duplicates(run.cloud, run.outputs, run.database, api=run.api)
        recovery = Recovery(run, repeated)
        with screen.phase("putting right") as note:
            recovery.complete(note)
        with screen.phase("checking"):
            violations = verify(
                run,
                repeated,
                checks=(*CHECKS, *NO_EXCUSES),
                is_counted=lambda each: not recovery.leaves_to_a_person(each),
                stall=120,
            )
    by_state = "SELECT state, count(*) FROM orders GROUP BY state ORDER BY state"
    return Outcome(
        seed=seed,
        states=dict(run.database.execute(by_state).fetchall()),
        faults={
            **{kind: injected.get(kind, 0) for kind in rates},
            **{kind: disturbances.counts[kind] for kind in KINDS},
        },
        recovery=recovery,
        violations=violations,
        seconds=time.monotonic() - began,
    )


def show_journeys(run: Run, screen: Screen, violations: Sequence[Violation]) -> None:
    """Print the journeys of the orders whose promises were broken."""
    concerned = concerned_orders(run.database, violations)
    for order_id in concerned[:SHOWN]:
        with start_ops(run.cloud, "order", "show", order_id) as process:
            screen.say(f"\n{process.communicate()[0]}")
    if len(concerned) > SHOWN:
        screen.say(f"\nand {len(concerned) - SHOWN:,} more orders")


def concerned_orders(database: Connection, violations: Sequence[Violation]) -> list[str]:
    """Return the ids of the orders that violations are about, also in a mail's subject."""
    known = [order_id for (order_id,) in database.execute("SELECT order_id FROM orders")]
    subjects = " ".join(violation.subject for violation in violations)
    return [order_id for order_id in known if order_id in subjects]


def _open(run: Run) -> int:
    run.snapshot.gather_orders()
    return count(run.database, OPEN)
