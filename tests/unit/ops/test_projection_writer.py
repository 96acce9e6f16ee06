"""A rebuild writes events as the live functions do, and switches without a gap."""

import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from lambdas.contracts.envelope import EventEnvelope
from lambdas.runtime.batch import PoisonEventsError
from ops.views.rebuild import CONFLICT_RETRIES, ProjectionWriter, Rebuild, project_with_retries
from ops.views.registry import VIEWS
from tests.support.order_events import bus_event, order_history
from tests.support.view_tables import FakeTable

TIMEOUT_SECONDS = 10
"""Seconds until a test gives up what it waits for; nothing is asserted of how long it took."""


def test_rebuild_catches_up_once_more_after_the_switch():
    done: list[Any] = []

    def change(*what: str, meanwhile: Callable[[], None]) -> None:
        meanwhile()
        done.append(what)

    deployed = SimpleNamespace(
        outputs_and_parameters=lambda _: ({}, {"TimelinesSlot": "0"}), change=change
    )
    rebuild = Rebuild(deployed=cast(Any, deployed), views={}, progress=lambda _: None)
    lease = SimpleNamespace(renew=lambda: done.append("renewed"))
    target = SimpleNamespace(view=VIEWS["timelines"], slot="0", lease=lease, say=lambda _: None)

    rebuild._switch(cast(Any, target), lambda: done.append("caught up"))

    assert done == ["renewed", "caught up", ("Storefront", "TimelinesSlot", "1"), "caught up"]


class TestWriting:
    def test_view_is_the_same_in_any_order_and_with_repetitions(self):
        bodies = [json.dumps(bus_event(event)) for event in order_history()]
        written: list[Any] = []
        for order in (bodies, bodies[::-1] + bodies):
            table = FakeTable()
            view = VIEWS["timelines"]
            ProjectionWriter(view, view.projector("table", table))([*order, b"poison"])
            written.append(table.items)

        assert written[0] == written[1] != {}

    @pytest.mark.parametrize(("workers", "meet"), [(1, False), (2, True)])
    def test_parallel_writes_are_limited_per_view(self, workers: int, meet: bool):
        both, met = threading.Barrier(2), list[bool]()

        def project(_: Sequence[EventEnvelope[Any]]) -> None:
            try:
                both.wait(0.2 if workers == 1 else TIMEOUT_SECONDS)
                met.append(True)
            except threading.BrokenBarrierError:
                met.append(False)

        write = ProjectionWriter(replace(VIEWS["timelines"], max_parallel_writes=workers), project)
        body = json.dumps(bus_event(next(iter(order_history()))))
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(write, [[body], [body]]))

        assert met == [meet, meet]

    def test_unparseable_records_are_counted_and_skipped(self):
        view = VIEWS["timelines"]
        write = ProjectionWriter(view, view.projector("table", FakeTable()))

        write([json.dumps(bus_event(event)) for event in order_history()] + [b"poison"])

        assert (write.events, write.unreadable) == (len(list(order_history())), 1)

    def test_events_of_a_row_that_was_edited_are_counted_and_others_are_written(self):
        """Somebody may edit a row of the table while it is filled, or once it is live."""
        events = list(order_history())

        def project(_: Sequence[EventEnvelope[Any]]) -> None:
            raise PoisonEventsError({events[0].metadata.event_id: "counter x was edited"})

        write = ProjectionWriter(VIEWS["timelines"], project)
        write([json.dumps(bus_event(event)) for event in events])

        assert (write.events, write.unreadable) == (len(events) - 1, 1)

    def test_transaction_conflicts_are_retried(self, monkeypatch: pytest.MonkeyPatch):
        at_once = replace(CONFLICT_RETRIES, base_delay=0)
        monkeypatch.setattr("ops.views.rebuild.CONFLICT_RETRIES", at_once)
        tries: list[int] = []

        def meets(_: Sequence[EventEnvelope[Any]], times: int, code: str) -> None:
            tries.append(1)
            if len(tries) <= times:
                raise ClientError({"Error": {"Code": code}}, "TransactWriteItems")

        project_with_retries(lambda events: meets(events, 3, "TransactionCanceledException"), [])
        assert len(tries) == 4
        for times, code in ((99, "TransactionCanceledException"), (1, "AccessDenied")):
            tries.clear()
            with pytest.raises(ClientError):
                project_with_retries(lambda events: meets(events, times, code), [])  # noqa: B023
            assert len(tries) == min(times, CONFLICT_RETRIES.max_attempts)
