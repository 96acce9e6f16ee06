"""Two invocations at the same time leave what they would leave one after the other.

At each request of one, the other runs from start to end. Which rows they share comes from orders
that were played on the platform of the templates. With `make abuse`, they are tried at all their
requests; that takes three minutes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from lambdas.purchasing.store import PurchaseOrders
from tests.abuse.conftest import ARE_WANTED
from tests.support.lived_platform import Play
from tests.support.overtaking import Overtaken
from tests.support.story import Story

MOST = 1_000_000 if ARE_WANTED else 200
"""How many requests an invocation may make while it is overtaken in turn at each of some."""
SHOWN = 5
NOTIFY, FOLLOW_UP = "notifications.notify_customer", "purchasing.follow_up_purchase_orders"
HARMLESS: Mapping[tuple[str, str], set[str]] = {
    # A customer who gives an address again while confirming it may get a second link.
    ("notifications.put_contact", "notifications.confirm_contact"): {"answers", "rows", "sent"},
    # A mail is sent whose address was read before it was erased.
    (NOTIFY, "notifications.delete_contact"): {"rows", "sent"},
    # The order that was sent last may be named as one that is closed, which covers no other.
    (FOLLOW_UP, FOLLOW_UP): {"rows"},
    # An operator is called to an order that another one has just resumed.
    ("orders.republish_stalled", "orders.resume_order"): {"rows"},
}
"""What may differ, by the one that is overtaken and the one that overtakes."""


def shape(story: Story, play: Play) -> tuple[Any, ...]:
    """Return what distinguishes an invocation from those that need not be tried as well."""
    rows = [(key[0], story.here.row(key, play.state)) for key in sorted(play.touched)]
    states = tuple((table, str((row or {}).get("state"))) for table, row in rows)
    return play.reader, play.kind, play.event, states


def pairs(story: Story) -> list[tuple[Play, Play]]:
    """Return pairs of functions' invocations: each writes a row that the other reads or writes."""
    functions = {each.short for each in story.here.functions.values()}
    plays = [play for play in story.here.plays if play.reader in functions]
    distinct = {shape(story, play): play for play in reversed(plays)}.values()
    return [
        (first, second)
        for first in distinct
        for second in distinct
        if first.wrote & second.touched and second.wrote & first.touched
    ]


def problems(story: Story, reader: str = "", most: int = MOST) -> Iterator[str]:
    """Yield what differs from both orders, without what is harmless."""
    harmless = set(HARMLESS)
    for first, second in pairs(story):
        if not first.reader.startswith(reader):
            continue
        readers = (first.reader, second.reader)
        for request, wrong in Overtaken(story.here, first, second).wrong_at(most):
            harmless.discard(readers)
            if not wrong <= HARMLESS.get(readers, set()):
                yield f"{first.name} overtaken by {second.name}, at {request}: {sorted(wrong)}"
    if ARE_WANTED and not reader:
        yield from (f"{first}, {second}: drop them from HARMLESS" for first, second in harmless)


def test_functions_that_overtake_one_another_leave_what_one_after_the_other_leaves(story: Story):
    with story.here.installed():
        found = list(problems(story))

    assert not found, "\n".join([f"{len(found)} problems", *found[:SHOWN]])


def test_purchase_order_that_is_sent_although_another_run_has_closed_it_is_found(
    story: Story, monkeypatch: pytest.MonkeyPatch
):
    note_sending = PurchaseOrders.note_sending

    def note_and_send(orders: PurchaseOrders, id: str, *, now: str) -> bool:
        note_sending(orders, id, now=now)
        return True

    monkeypatch.setattr(PurchaseOrders, "note_sending", note_and_send)
    with story.here.installed():
        found = list(problems(story, FOLLOW_UP, most=1_000))

    assert [each for each in found if "sent" in each]


def test_writes_without_their_conditions_are_found(story: Story, monkeypatch: pytest.MonkeyPatch):
    perform = story.here.tables.perform

    def without_conditions(operation: str, request: Any) -> Any:
        return perform(operation, always(request))

    monkeypatch.setattr(story.here.tables, "perform", without_conditions)
    with story.here.installed():
        found = {each for each in ("inventory.", "shipping.") if list(problems(story, each))}

    assert found == {"inventory.", "shipping."}


def always(request: Any) -> Any:
    """Return a request whose conditions are always met."""
    if isinstance(request, list):
        return [always(each) for each in request]
    if not isinstance(request, Mapping):
        return request
    return {
        name: f"({value}) OR attribute_not_exists(nowhere)"
        if name == "ConditionExpression"
        else always(value)
        for name, value in request.items()
    }
