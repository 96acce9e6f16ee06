"""A run of one seed, from the first order until all orders have ended."""

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass
from hashlib import sha256

from lambdas.contracts.order_states import TERMINAL_STATES
from simulation import chance as kinds
from simulation.addresses import Addresses
from simulation.card_company import CardCompany
from simulation.catalogue import Catalogue
from simulation.chance import Chance, Fault
from simulation.invariants import BrokenPromiseError, Invariants
from simulation.journey import Note
from simulation.kernel import Kernel
from simulation.mail_checks import MailChecks
from simulation.operator import Operator
from simulation.personal_data import PersonalData
from simulation.poison import Poison
from simulation.rebuild import Archive
from simulation.release import Release
from simulation.scenario import (
    SKUS,
    Customers,
    WarehouseWorkers,
    limit,
    stock,
)
from simulation.tables import BusyRow
from simulation.templates import synthesized
from simulation.versions import Versions
from simulation.view_checks import ViewChecks
from simulation.world import World

FAULTY = 2 * 3600
"""For how many seconds there are faults."""
SHARDS = 8
"""The most shards of the stream."""
ROUND, ROUNDS = 1_800, 150
"""After that an operator comes by once a round, until all is quiet."""
OUT = (
    "Orders", "Reservations", "Shipments", "sns", "events", "Backbone", "sesv2", "Invoices",
    "Storefront",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a run. ``promise`` is the number of a broken promise, or 0."""

    seed: int
    orders: Counter[str]
    """How many orders ended in each state."""
    faults: Sequence[Fault]
    notes: list[Note]
    steps: int
    hours: float
    limited: int
    """How many orders were refused at a limit of their customer."""
    admitted: int
    """How many of these were accepted later, when others had ended."""
    promise: int = 0
    """The number of the promise that was broken; 0 if none was."""
    problem: str = ""
    order_id: str = ""
    """The order that shows it."""

    @property
    def digest(self) -> str:
        """A digest of all that happened. Two runs of one seed have the same."""
        return sha256("\n".join(map(str, self.notes)).encode()).hexdigest()[:16]


def run(seed: int, *, without: Container[str] = ()) -> Result:
    """Run a seed; ``without`` has the ids of faults to leave out.

    In every third seed, the sagas are Express workflows.
    """
    chance = Chance(seed, Kernel(), without=without)
    world = World(synthesized(express=seed % 3 == 2), chance, followers=True)
    customers, broken = Customers(world), None
    with world.installed(), Versions(world) as versions:
        try:
            _play(world, customers, versions)
        except BrokenPromiseError as error:
            broken = error
    orders = Counter(
        str(row["state"]) for row in world.tables.rows(world.table("Orders", "Orders"))
    )
    limited = [request for request in customers.requests if request.limited]
    result = Result(
        seed=seed,
        orders=orders,
        faults=world.chance.faults,
        notes=world.journey.notes,
        steps=world.kernel.steps,
        hours=(world.kernel.now - world.start) / 3600,
        limited=len(limited),
        admitted=sum(bool(request.order_id) for request in limited),
        promise=broken.promise if broken else 0,
        problem=str(broken or ""),
        order_id=broken.order_id if broken else "",
    )
    world.close()
    return result


def _play(world: World, customers: Customers, versions: Versions) -> None:
    kernel, chance = world.kernel, world.chance
    chance.calm_from = 0
    versions.plan()
    limit(customers)
    units = stock(world)
    kernel.run(until=world.start + 60)
    invariants = Invariants(world, customers, units)
    mails, views, archive = MailChecks(world), ViewChecks(world), Archive(world)
    _plan_release(world)
    operator = Operator(world)
    chance.calm_from = world.start + FAULTY
    poison = Poison(world, operator)
    WarehouseWorkers(world)
    customers.begin()
    addresses = Addresses(world, customers)
    addresses.begin()
    personal = PersonalData(world, addresses, operator)
    operator.begin()
    CardCompany(world, customers)
    _plan_outage(world)
    _plan_busy_skus(world)
    _plan_reshardings(world)
    Catalogue(world).begin()
    kernel.run(until=chance.calm_from)
    for _ in range(ROUNDS):
        operator.clear()
        kernel.run(until=kernel.now + ROUND)
        if is_quiet(world):
            break
    invariants.at_the_end()
    mails.at_the_end()
    views.at_the_end()
    poison.at_the_end()
    if left := [queue.name for queue in world.queues.values() if operator.left_in(queue)]:
        raise BrokenPromiseError(8, f"redriven again and again: {left}")
    archive.at_the_end()
    personal.at_the_end()


def _plan_outage(world: World) -> None:
    """Plan an outage of a service or a table, in some seeds."""
    chance = world.chance
    out = chance.pick("outage", OUT)
    since = world.kernel.now + chance.between("outage since", 0, 1_800)
    until = since + chance.pick("outage for", (60, 600, 3_600))
    if chance.draw("is out") < 0.3 and chance.allows("outage", kinds.OUTAGE):
        world.outages.append((out, since, until))
        chance.record("outage", kinds.OUTAGE, f"{out} for {until - since:.0f} s")


def _plan_release(world: World) -> None:
    """Let all seeds begin with the release before; plan the next, in some seeds."""
    chance, release = world.chance, Release(world)
    after = chance.between("release after", 0, 3_600)

    def deploy() -> None:
        chance.record("release", kinds.RELEASE, "all functions of sagas have other names")
        release.deploy()

    if chance.draw("is released") < 0.4 and chance.allows("release", kinds.RELEASE):
        world.kernel.after(after, deploy)


def _plan_busy_skus(world: World) -> None:
    """Plan, in some seeds, a time in which many others want one SKU, or all."""
    chance = world.chance
    skus = chance.pick("busy SKUs", (SKUS[:1], SKUS[1:2], SKUS))
    since = world.kernel.now + chance.between("busy since", 0, 1_800)
    until = since + chance.pick("busy for", (600, 3_600))
    share = chance.pick("busy share", (0.6, 0.9, 1.0))
    if chance.draw("is busy") < 0.4 and chance.allows("busy SKU", kinds.CONFLICT):
        stock_table = world.table("Inventory", "Stock")
        world.tables.busy += [
            BusyRow(table=stock_table, key=sku, since=since, until=until, share=share)
            for sku in skus
        ]
        chance.record("busy SKU", kinds.CONFLICT, f"{', '.join(skus)} for {until - since:.0f} s")


def _plan_reshardings(world: World) -> None:
    """Let the stream's shards be doubled or halved while records flow, in some seeds."""
    chance, (stream,) = world.chance, world.kinesis.values()

    def reshard(id_: str) -> None:
        before = len(stream.open)
        after = chance.pick("shards", [n for n in (before // 2, 2 * before) if 0 < n <= SHARDS])
        stream.reshard(after)
        chance.record(id_, kinds.RESHARD, f"from {before} to {after}")

    for number in range(chance.pick("reshards", (0, 1, 2, 4))):
        at, id_ = chance.between("reshard", 0, 3_600), f"reshard {number}"
        if chance.allows(id_, kinds.RESHARD):
            world.kernel.after(at, reshard, id_)


def is_quiet(world: World) -> bool:
    """Return whether every order has ended, and no work is in progress."""
    rows = world.tables.rows(world.table("Orders", "Orders"))
    waiting = any(queue.messages for name, queue in world.queues.items() if "Replays" not in name)
    waiting |= any(world.failed_batches())
    return (
        world.kernel.foreground == 0
        and not waiting
        and all(row["state"] in TERMINAL_STATES for row in rows)
        and not any(world.ledger.rows("outbox"))
    )
