"""Releases that change the versions of events in the middle of a run."""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lambdas.contracts.envelope import envelope
from lambdas.contracts.event import Event
from lambdas.contracts.orders import OrderCancelled, OrderDispatched, OrderPlaced
from lambdas.contracts.parsing import parse_detail
from lambdas.storefront.order_upserts import events_of
from lambdas.storefront.timeline import render_timeline
from simulation.chance import Chance
from simulation.kernel import Kernel
from simulation.rebuild import Archive
from simulation.run import run
from simulation.templates import synthesized
from simulation.versions import ADDED, SERVICES, Versions
from simulation.world import World
from tools.contract_modules import services

NEW, MORE = 0.4, 0.9
"""Draws that give an event a version before its present one, or a field more later."""
CHANGING = 3
"""A seed in which events get other versions."""
DISPATCHED = OrderDispatched(order_id="0" * 32, customer_id="c")
CANCELLED = OrderCancelled(order_id="0" * 32, customer_id="c", reason="r", explanation="e")


@contextmanager
def planned(
    monkeypatch: pytest.MonkeyPatch, change: float, *, followers: bool = False
) -> Iterator[World]:
    """A world in which all events change in this way, with one release."""
    chance = Chance(CHANGING, Kernel())
    world = World(synthesized(express=False), chance, followers=followers)
    drawn = {"versions change": 0.0, "releases of events": 0.0}
    monkeypatch.setattr(chance, "draw", lambda label: drawn.get(label, change))
    monkeypatch.setattr(chance, "allows", lambda *_: True)
    with Versions(world) as versions:
        versions.plan()
        yield world


def published(event: Event) -> dict[str, Any]:
    return envelope(
        event,
        subject="0" * 32,
        sequence=1,
        correlation_id="c",
        causation_id="c",
        occurred_at="2030-01-01T00:00:00Z",
    ).detail


def publish(world: World, event: Event) -> None:
    entry = {"Source": event.source, "DetailType": event.detail_type}
    world.bus("Backbone").publish(entry | {"Detail": json.dumps(published(event))})


def across_the_release(world: World) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is published of one event before the release and after it."""
    before = published(DISPATCHED)
    release(world)
    return before, published(DISPATCHED)


def release(world: World) -> None:
    world.kernel.run(until=world.kernel.now + 6_600)


def test_every_service_with_events_can_change_them():
    assert {*SERVICES} == {*services().values()}


def test_older_version_is_published_until_the_release_and_both_are_read(
    monkeypatch: pytest.MonkeyPatch,
):
    with planned(monkeypatch, NEW) as world:
        before, after = across_the_release(world)

        assert [each["metadata"]["schema_version"] for each in (before, after)] == [1, 2]
        assert before["data"].keys().isdisjoint(after["data"])
        assert [parse_detail(OrderDispatched, each).data for each in (before, after)] == [
            DISPATCHED
        ] * 2
    assert published(DISPATCHED)["metadata"]["schema_version"] == 1


def test_cancellation_that_is_published_in_version_1_has_no_reason(
    monkeypatch: pytest.MonkeyPatch,
):
    with planned(monkeypatch, NEW) as world:
        before = parse_detail(OrderCancelled, published(CANCELLED))
        release(world)

        assert (before.metadata.schema_version, before.data.reason) == (1, "")
        assert parse_detail(OrderCancelled, published(CANCELLED)).data == CANCELLED


def test_rebuild_equals_the_views_of_an_event_that_was_published_in_two_versions(
    monkeypatch: pytest.MonkeyPatch,
):
    """A relay's retry meets the release. A batch of the rebuild has both versions."""
    with planned(monkeypatch, NEW, followers=True) as world, world.installed():
        archive, rows = Archive(world), {}
        publish(world, CANCELLED)
        release(world)
        publish(world, CANCELLED)
        world.kernel.run(until=world.kernel.now + 600)
        for view in ("timelines", "customer_orders"):
            table = world.function(f"storefront.update_{view}").settings[f"{view.upper()}_TABLE"]
            (rows[view],) = world.tables.rows(table)
        archive.at_the_end()

    lines = render_timeline(rows["timelines"])["events"]
    (line,) = (line for line in lines if line["event"] == "OrderCancelled")
    assert (line["reason"], line["explanation"]) == ("r", "e")
    ((_, listed),) = events_of(rows["customer_orders"]).items()
    assert listed["explanation"] == "e"


def test_field_that_is_added_is_ignored_by_those_who_do_not_know_it(
    monkeypatch: pytest.MonkeyPatch,
):
    with planned(monkeypatch, MORE) as world:
        before, after = across_the_release(world)

        assert after["data"] == before["data"] | {ADDED: 1}
        assert parse_detail(OrderDispatched, after).data == DISPATCHED


def test_run_has_events_of_two_versions_and_leaves_the_contracts_as_they_were():
    contract = dict(vars(OrderPlaced))
    taken = defaultdict[str, set[str]](set)

    for note in run(CHANGING).notes:
        if note.text.startswith("the bus takes "):
            *_, kind, _, version = note.text.split()
            taken[kind].add(version)

    assert [kind for kind, versions in taken.items() if versions >= {"v1", "v2"}]
    assert dict(vars(OrderPlaced)) == contract
