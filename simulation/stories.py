"""Stories of one order, in which nothing is left to chance but what is planned to go wrong.

A story is played once without a fault. Each decision that chance would take in it is a place where
something can go wrong, or somebody can do something: so every fault at every place can be tried,
and those of a state that is added later are tried without a change here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from lambdas.contracts.order_states import TERMINAL_STATES
from simulation import chance as kinds
from simulation.card_company import CardCompany
from simulation.chance import Chance, Fault
from simulation.invariants import BrokenPromiseError, Invariants
from simulation.journey import Note
from simulation.kernel import Kernel
from simulation.operator import Operator
from simulation.release import Release
from simulation.run import is_quiet
from simulation.same_state import digest_of
from simulation.scenario import PRICE, Customers, Request, WarehouseWorkers, stock
from simulation.tables import Change
from simulation.templates import synthesized
from simulation.world import World

CANCEL, AGAIN, DISPUTE = "the customer cancels", "its event comes again", "its charge is disputed"
OF_THE_ORDER = (CANCEL, AGAIN, DISPUTE)
"""After these an order may end otherwise than its story says."""
ACTS = (*OF_THE_ORDER, kinds.RELEASE)
"""What somebody can do at any moment."""
NOT_ACCEPTED = "not accepted"
"""How a story ends whose customer gave up asking; that no accepted order is lost is a promise."""
LASTING = 900.0
"""Seconds for which a fault lasts that is not over at once: longer than all retries of a task."""
AFTERWARDS = 60.0
"""Seconds after the end of the order in which something can still go wrong."""
REPEATABLE = (
    kinds.THROTTLE, kinds.BEFORE, kinds.SERVER_ERROR, kinds.LOST, kinds.CRASH, kinds.PARTIAL,
)  # fmt: skip
"""Faults that may last."""
SEED = 1
"""Of the small times that requests and deliveries take."""
ROUND, ROUNDS = 900, 300
"""An operator comes by once a round, until all is quiet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """An order, and how it ends if nothing goes wrong."""

    name: str
    ends: tuple[str, ...]
    """How the order may end: its state, and the reason of a rejection after a slash."""
    quantity: int = 2
    country: str = "France"
    in_stock: int = 500
    warehouse_opens: int = 0
    """Seconds after the order; picked goods leave soon after that."""
    cancelled_after: int | None = None
    """Seconds after which the customer cancels."""
    express: bool = False


ORDERS = (
    Story(name="dispatched", ends=("DISPATCHED",)),
    Story(name="declined", ends=("REJECTED/PaymentDeclined",), quantity=80),
    Story(name="out of stock", ends=("REJECTED/OutOfStock",), quantity=120, in_stock=100),
    Story(name="undeliverable", ends=("REJECTED/AddressUndeliverable",), country="Unspecified"),
    Story(
        name="withdrawn",
        # Goods may leave before shipping knows of the cancellation.
        ends=("CANCELLED", "DISPATCHED"),
        warehouse_opens=660,
        cancelled_after=60,
    ),
)
STORIES = tuple(
    replace(story, name=f"{story.name}, {'Express' if express else 'Standard'}", express=express)
    for express in (False, True)
    for story in ORDERS
)


@dataclass(frozen=True, slots=True, order=True)
class Incident:
    """One thing that is planned: a fault, or an act, where a decision is taken."""

    id: str
    """The decision: what is decided, and how often it was before."""
    kind: str
    lasts: bool = False
    """Whether everything that is decided under the same words fails for ``LASTING`` seconds."""

    def __str__(self) -> str:
        return f"{self.kind}{' for a while' if self.lasts else ''} at {self.id}"


Plan = tuple[Incident, ...]


class PlannedChance(Chance):
    """Takes the decisions of a story as planned, and notes which there were."""

    def __init__(self, kernel: Kernel, plan: Plan, choices: Mapping[str, float]) -> None:
        """``choices`` are draws that the story decides, by their label."""
        self.decisions: list[tuple[str, Sequence[str]]] = []
        """Every decision: its id and the kinds of faults that are possible."""
        self.states: list[bytes] = []
        """For each decision, a digest of the state in which it was taken."""
        self.digest: Callable[[str], bytes] = lambda _: b""
        self.noted_until = float("inf")
        """Later decisions are not noted."""
        self.acts: dict[str, Callable[[], object]] = {}
        self._choices = choices
        self._plan = {incident.id: incident for incident in plan}
        self._lasting: dict[str, tuple[str, float]] = {}
        super().__init__(SEED, kernel)

    def draw(self, label: str) -> float:
        """Return the story's choice, or a number from 0 up to 1."""
        return self._choices[label] if label in self._choices else super().draw(label)

    def fault(self, where: str, kinds: Sequence[str], *, rate: float = 1.0) -> str | None:
        """Return the kind of fault that is planned here, or None."""
        _, id_ = self._numbered(where)
        if self.kernel.now >= self.calm_from:
            return None
        lasting, until = self._lasting.get(where, ("", 0.0))
        lasts = self.kernel.now < until
        if self.kernel.now < self.noted_until:
            # Where a fault lasts no other can happen, but somebody can act.
            self.decisions.append((id_, () if lasts else kinds))
            self.states.append(self.digest(where))
        incident = self._plan.get(id_)
        if incident and incident.kind in self.acts:
            self.record(id_, incident.kind, where)
            self.acts[incident.kind]()
            incident = None
        if lasts:
            self.record(id_, lasting, where)
            return lasting
        if incident is None:
            return None
        self.record(id_, incident.kind, where)
        if incident.lasts:
            self._lasting[where] = (incident.kind, self.kernel.now + LASTING)
        return incident.kind

    @property
    def lasting(self) -> list[tuple[str, str, float]]:
        """Where which faults last, and until when."""
        lasting = [(where, *each) for where, each in self._lasting.items()]
        return [each for each in lasting if each[-1] > self.kernel.now]

    def allows(self, id_: str, kind: str) -> bool:
        """Whether a fault of a seed's plan takes place: none does."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryRun:
    """What came of a story with what was planned in it."""

    story: Story
    plan: Plan
    ended: str
    decisions: Sequence[tuple[str, Sequence[str]]]
    states: Sequence[bytes] = field(repr=False)
    """For each decision at a task, a digest of the state before it, if digests were asked for."""
    machines: Sequence[str]
    """The names with which the decisions of state machines begin."""
    faults: Sequence[Fault]
    notes: Sequence[Note] = field(repr=False)
    problem: str = ""

    def index(self, incident: Incident) -> int:
        """Return where in the decisions the incident was."""
        return [id_ for id_, _ in self.decisions].index(incident.id)


def play_story(
    story: Story,
    plan: Plan = (),
    change: Callable[[World], object] = lambda _: None,
    *,
    digests: bool = False,
) -> StoryRun:
    """Play a story with what is planned, until all is quiet; check every promise.

    ``change`` is made to the world before it begins. ``digests`` is whether to make these.
    """
    choices = {"stock": {100: 0.4, 500: 0.9}[story.in_stock], "disputes": 1.0}
    chance = PlannedChance(Kernel(), plan, choices)
    world = World(synthesized(express=story.express), chance)
    change(world)
    problem = ""
    with world.installed():
        try:
            _play(world, chance, story, digests=digests)
        except BrokenPromiseError as error:
            problem = str(error)
    ended = _end(world)
    acted = any(incident.kind in OF_THE_ORDER for incident in plan)
    if not problem and not acted and ended not in (*story.ends, NOT_ACCEPTED):
        problem = f"the order ended {ended}, not {' or '.join(story.ends)}"
    run = StoryRun(
        story=story,
        plan=plan,
        ended=ended,
        decisions=chance.decisions,
        states=chance.states,
        machines=[machine.short for machine in world.machines.values()],
        faults=chance.faults,
        notes=world.journey.notes,
        problem=problem,
    )
    world.close()
    return run


def _play(world: World, chance: PlannedChance, story: Story, *, digests: bool) -> None:
    kernel = world.kernel
    chance.calm_from = 0
    customers = Customers(world)
    WarehouseWorkers(world, opens=story.warehouse_opens)
    units = stock(world)
    kernel.run(until=world.start + 60)
    chance.calm_from = float("inf")
    invariants = Invariants(world, customers, units)
    operator = Operator(world)
    lines = [
        {"sku": sku, "quantity": story.quantity, "unit_price": PRICE} for sku in ("cup", "jug")
    ]
    body = {"currency": "GBP", "country": story.country, "lines": lines}
    request = Request("customer", "key", body)
    customers.requests.append(request)
    company = CardCompany(world, customers)
    chance.acts = {
        CANCEL: partial(customers.cancel, request),
        AGAIN: partial(_repeat, world),
        DISPUTE: company.report,
        kinds.RELEASE: Release(world).deploy,
    }
    if digests:
        shorts = {machine.short for machine in world.machines.values()}
        chance.digest = lambda where: (
            digest_of(world, chance.lasting, request) if where.partition(" ")[0] in shorts else b""
        )
    world.checks.append(partial(_note_end, world, chance))
    customers.place(request)
    if story.cancelled_after is not None:
        kernel.after(story.cancelled_after, customers.cancel, request)
    for _ in range(ROUNDS):
        kernel.run(until=kernel.now + ROUND)
        if is_quiet(world):
            break
        operator.clear()
    invariants.at_the_end()


def _note_end(world: World, chance: PlannedChance, changes: Sequence[Change]) -> None:
    """Note no decisions from a minute after the order has ended."""
    for change in changes:
        if change.table == world.table("Orders", "Orders") and change.after:
            ended = change.after.get("state", {}).get("S") in TERMINAL_STATES
            chance.noted_until = world.kernel.now + AFTERWARDS if ended else float("inf")


def _repeat(world: World) -> None:
    """Let the events of the order that start sagas come again, as EventBridge may."""
    for machine in world.machines.values():
        if machine.executions:
            world.kernel.after(0, machine.start, machine.executions[0].input)


def _end(world: World) -> str:
    rows = list(world.tables.rows(world.table("Orders", "Orders")))
    if not rows:
        return NOT_ACCEPTED
    state, reason = str(rows[0]["state"]), str(rows[0].get("reason", ""))
    return f"{state}/{reason}" if state == "REJECTED" else state


def places(run: StoryRun, *, tasks_only: bool = False) -> Iterator[Incident]:
    """Yield each single thing that could go wrong, or be done, in a run of a story.

    Tasks of state machines are places, and so are requests of functions and workers, invocations,
    and deliveries of events, records and messages. With ``tasks_only`` only the tasks are.
    """
    for id_, possible in run.decisions:
        if tasks_only and id_.partition(" ")[0] not in run.machines:
            continue
        for kind in possible:
            yield Incident(id_, kind)
            if kind in REPEATABLE:
                yield Incident(id_, kind, lasts=True)
        for act in ACTS:
            yield Incident(id_, act)
