"""Events of a batch, and a handler that notes them and fails on some."""

from collections.abc import Sequence

from hypothesis import strategies as st

from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.inventory import StockChanged, StockEvent


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
    """Acts on events, and fails on some."""

    def __init__(self, *, fails_on: set[tuple[str, int]] | None = None) -> None:
        self.handled: list[list[tuple[str, int]]] = []
        self._fails_on = fails_on or set()

    def handle(self, events: Sequence[EventEnvelope[StockEvent]]) -> None:
        step = [(event.data.sku, event.metadata.sequence) for event in events]
        if not self._fails_on.isdisjoint(step):
            raise ConnectionError("no database")
        self.handled.append(step)


BATCH = [("A", message("A", 1)), ("B", message("B", 1)), ("A", message("A", 2))]


messages = st.tuples(st.sampled_from("ABC"), st.sampled_from(["good", "fails", "poison"]))
