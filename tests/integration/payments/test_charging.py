"""Taking and refunding on the real database: every state, every crash."""

import threading

import pytest

from lambdas.contracts.values import Money
from lambdas.payments.charging import refund, take
from lambdas.payments.database import Database
from lambdas.payments.domain import State, TotalMismatchError
from tests.support.payments import (
    TOTAL,
    CardProvider,
    Crash,
    Crashing,
    balances,
    entries,
    ledger_of,
    refund_command,
    take_command,
)

CHARGE = ["CHARGE", "card-provider", "customer/c-1", 415, "GBP"]
REFUND = ["REFUND", "customer/c-1", "card-provider", 415, "GBP"]


def test_repeated_command_takes_the_payment_once(admin, store, provider):
    command = take_command()
    assert [take(command, store, provider).state for _ in range(3)] == [State.TAKEN] * 3
    assert provider.calls == ["charge"]
    assert entries(admin, command.order_id) == [CHARGE]


def test_declined_payment_stays_declined_without_another_call(admin, store, provider):
    provider.declines = True
    command = take_command()
    for _ in range(2):
        charge = take(command, store, provider)
        assert (charge.state, charge.explanation) == (State.DECLINED, "above the card's limit")
    assert provider.calls == ["charge"]
    assert entries(admin, command.order_id) == []


def test_other_total_for_the_same_order_is_an_error_and_changes_nothing(admin, store, provider):
    command = take_command()
    take(command, store, provider)
    with pytest.raises(TotalMismatchError):
        take(take_command(command.order_id, Money(amount=1, currency="GBP")), store, provider)
    assert entries(admin, command.order_id) == [CHARGE]


def test_taken_payment_is_refunded_once(admin, store, provider):
    command = take_command()
    take(command, store, provider)
    for _ in range(2):
        assert refund(refund_command(command.order_id), store, provider).state is State.REFUNDED
    assert provider.calls == ["charge", "refund"]
    assert entries(admin, command.order_id) == [CHARGE, REFUND]
    assert balances(admin, command.order_id) == {}


def test_refund_without_a_charge_leaves_a_tombstone_that_stops_a_charge(admin, store, provider):
    command = take_command()
    assert refund(refund_command(command.order_id), store, provider).state is State.REFUNDED
    assert take(command, store, provider).state is State.REFUNDED
    assert provider.calls == []
    assert entries(admin, command.order_id) == []


def test_refund_of_a_declined_payment_does_not_call_the_provider(admin, store, provider):
    provider.declines = True
    command = take_command()
    take(command, store, provider)
    assert refund(refund_command(command.order_id), store, provider).state is State.REFUNDED
    assert take(command, store, provider).state is State.REFUNDED
    assert provider.calls == ["charge"]
    assert entries(admin, command.order_id) == []


def test_refund_of_a_pending_payment_voids_the_charge_in_progress(admin, store, provider):
    command = take_command()
    with pytest.raises(Crash):
        take(command, store, Crashing(at=1, after=False).guard(provider))
    refund(refund_command(command.order_id), store, provider)
    provider.charge(command.order_id, command.customer_id, TOTAL)  # late, from the dead attempt
    assert take(command, store, provider).state is State.REFUNDED
    assert (provider.taken, entries(admin, command.order_id)) == ([], [])


def test_charge_overtaken_by_a_refund_is_not_posted_and_is_refunded(admin, store, provider):
    command = take_command()

    class Overtaken(CardProvider):
        def charge(self, *arguments):
            answer = super().charge(*arguments)
            refund(refund_command(command.order_id), store, self)
            return answer

    overtaken = Overtaken()
    assert take(command, store, overtaken).state is State.REFUNDED
    assert overtaken.calls == ["charge", "refund", "refund"]
    assert overtaken.taken == [(command.order_id, 415)]
    assert overtaken.collected(command.order_id) == 0
    assert entries(admin, command.order_id) == []


def test_refund_overtaken_by_a_charge_reverses_its_entry(admin, store, provider):
    command = take_command()
    with pytest.raises(Crash):
        take(command, store, Crashing(at=1, after=True).guard(provider))

    class Overtaken(CardProvider):
        def refund(self, key):
            take(command, store, self)  # the charge is known to this provider as taken
            super().refund(key)

    overtaken = Overtaken()
    overtaken.taken = provider.taken
    assert refund(refund_command(command.order_id), store, overtaken).state is State.REFUNDED
    assert entries(admin, command.order_id) == [CHARGE, REFUND]
    assert overtaken.collected(command.order_id) == 0


STEPS = 3  # begin, the provider's charge or refund, move


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_crashed_charge_is_completed_by_a_retry(admin, store, provider, at, after):
    command, crashing = take_command(), Crashing(at=at, after=after)
    with pytest.raises(Crash):
        take(command, crashing.guard(store), crashing.guard(provider))
    assert take(command, store, provider).state is State.TAKEN
    assert provider.taken == [(command.order_id, 415)]
    assert entries(admin, command.order_id) == [CHARGE]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_crashed_charge_is_undone_by_a_refund(admin, store, provider, at, after):
    command, crashing = take_command(), Crashing(at=at, after=after)
    with pytest.raises(Crash):
        take(command, crashing.guard(store), crashing.guard(provider))
    refund(refund_command(command.order_id), store, provider)
    assert provider.collected(command.order_id) == 0
    assert balances(admin, command.order_id) == {}
    assert take(command, store, provider).state is State.REFUNDED
    assert provider.collected(command.order_id) == 0


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, STEPS + 1))
@pytest.mark.parametrize("taken", [False, True], ids=["pending", "taken"])
def test_crashed_refund_is_completed_by_a_retry(admin, store, provider, taken, at, after):
    command, crashing = take_command(), Crashing(at=at, after=after)
    if taken:
        take(command, store, provider)
    else:
        with pytest.raises(Crash):
            take(command, store, Crashing(at=1, after=True).guard(provider))
    with pytest.raises(Crash):
        refund(refund_command(command.order_id), crashing.guard(store), crashing.guard(provider))
    assert refund(refund_command(command.order_id), store, provider).state is State.REFUNDED
    assert provider.collected(command.order_id) == 0
    assert entries(admin, command.order_id) == ([CHARGE, REFUND] if taken else [])


def test_concurrent_commands_take_one_payment(settings, admin, provider):
    """Real concurrency: six connections, one order, and at the end a refund among them."""
    command = take_command()
    states: list[State] = []

    def run(action, argument):
        database = Database()
        try:
            states.append(action(argument, ledger_of(database), provider).state)
        finally:
            database.close()

    def all_at_once(*work):
        threads = [threading.Thread(target=run, args=one) for one in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)

    all_at_once(*[(take, command)] * 6)
    assert states == [State.TAKEN] * 6
    assert entries(admin, command.order_id) == [CHARGE]
    all_at_once(*[(refund, refund_command(command.order_id))] * 3, *[(take, command)] * 3)
    assert states.count(State.REFUNDED) >= 3
    assert provider.collected(command.order_id) == 0
    assert entries(admin, command.order_id) == [CHARGE, REFUND]
