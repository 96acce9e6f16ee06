"""Events of a batch, and a handler that notes them and fails on some."""

from collections.abc import Sequence

from hypothesis import strategies as st

from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.inventory import StockChanged, StockEvent
from lambdas.runtime.batch import PoisonEventsError


def message(sku: str, sequence: int = 1) -> str:
    return envelope(
        StockChanged(sku=sku, available=1, reserved=0, minimum=0),
        subject=sku,
        sequence=sequence,
        correlation_id="c",
        causation_id="c",
        occurred_at="2026-12-01T08:26:00+00:00",
    ).to_sns_message()


class Handler:
    """Acts on events, fails on some, and can never handle others."""

    def __init__(
        self,
        *,
        fails_on: set[tuple[str, int]] | None = None,
        poison: set[tuple[str, int]] | None = None,
    ) -> None:
        self.handled: list[list[tuple[str, int]]] = []
        self._fails_on = fails_on or set()
        self._poison = poison or set()

    def handle(self, events: Sequence[EventEnvelope[StockEvent]]) -> None:
        step = [(event.data.sku, event.metadata.sequence) for event in events]
        if not self._fails_on.isdisjoint(step):
            raise ConnectionError("no database")
        poison = {
            event.metadata.event_id: "its row was edited"
            for event, name in zip(events, step, strict=True)
            if name in self._poison
        }
        self.handled.append([name for name in step if name not in self._poison])
        if poison:
            raise PoisonEventsError(poison)


BATCH = [("A", message("A", 1)), ("B", message("B", 1)), ("A", message("A", 2))]


messages = st.tuples(st.sampled_from("ABC"), st.sampled_from(["good", "fails", "poison"]))
