"""The card company, which reports disputes about charges and decides them."""

from lambdas.contracts.order_states import UNDONE_STATES, OrderState
from lambdas.contracts.times import format_time
from lambdas.orders.rows import is_tombstone, order_of
from simulation.scenario import ORDERING, Customers
from simulation.templates import PARTNER
from simulation.world import World
from simulators.card_provider.domain import State


class CardCompany:
    """The card company, which reports disputes about some orders at random times."""

    def __init__(self, world: World, customers: Customers) -> None:
        self._world, self._customers = world, customers
        if world.chance.draw("disputes") < 0.3:
            world.kernel.after(world.chance.between("dispute", 5, 2 * ORDERING), self.report)

    def report(self) -> None:
        """Report a dispute about one of the accepted orders."""
        accepted = [request for request in self._customers.requests if request.order_id]
        if accepted:
            disputed = self._world.chance.pick("disputed", accepted).order_id
            _move(self._world, disputed, State.CHARGED, State.DISPUTED)
            self._world.bus("Disputes").accept(
                {
                    "id": "dispute",
                    "source": PARTNER,
                    "detail-type": "Dispute Opened",
                    "time": format_time(self._world.kernel.moment),
                    "detail": {
                        "dispute_id": "dispute-1",
                        "payment_key": disputed,
                        "reason": "fraudulent",
                    },
                }
            )


def decide_disputes(world: World) -> None:
    """Decide some of the disputes.

    A dispute takes weeks: the shop loses only when shipping holds the order, or all is undone.
    """
    for key in [key for key, state in card_states(world).items() if state == State.DISPUTED]:
        if world.chance.draw("decides") < 0.5:
            lost = _can_be_lost(world, key) and world.chance.draw("is lost") < 0.5
            _move(world, key, State.DISPUTED, State.CHARGED_BACK if lost else State.CHARGED)


def card_states(world: World) -> dict[str, str]:
    """Return the states of all charges at the card company, by the id of their order."""
    rows = world.tables.rows(world.table("CardProvider", "Charges"))
    return {row["key"]: row["state"] for row in rows if "state" in row}


def _can_be_lost(world: World, order_id: str) -> bool:
    shipments = world.tables.rows(world.table("Shipping", "Shipments"))
    held = any(row["order_id"] == order_id and row.get("held") for row in shipments)
    for row in world.tables.rows(world.table("Orders", "Orders")):
        if row["order_id"] == order_id and not is_tombstone(row):
            order = order_of(row)
            holds = held and order.is_disputed and order.state == OrderState.CONFIRMED
            return holds or order.state in UNDONE_STATES
    return False


def _move(world: World, key: str, before: State, after: State) -> None:
    if card_states(world).get(key) == before:
        request = {
            "TableName": world.table("CardProvider", "Charges"),
            "Key": {"key": {"S": key}},
            "UpdateExpression": "SET #state = :after",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {":after": {"S": after.value}},
        }
        world.tables.perform("update_item", request)
