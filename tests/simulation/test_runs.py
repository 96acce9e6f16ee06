"""Whole runs: a share of the seeds that `make simulate` plays."""

from collections import Counter
from functools import cache

import pytest

from simulation import chance as kinds
from simulation.chance import Chance
from simulation.kernel import Kernel
from simulation.order_model import CONSUMERS, WAREHOUSE
from simulation.run import run
from simulation.templates import synthesized
from simulation.wiring import FOLLOWERS, SERVICES
from simulation.world import World

FIRST, SEEDS = 1, 12

played = cache(run)
"""A seed's run; the next test in the same process looks at the same."""


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_seed_keeps_every_promise(seed: int) -> None:
    result = played(seed)

    assert result.problem == "", f"make simulate SEED={seed} shows the journey"


def test_each_simulated_service_is_deployed() -> None:
    roles = synthesized(express=True).all("AWS::IAM::Role")
    deployed = {each.name.partition(".")[0].rpartition("-")[2] for each in roles}

    gone = {*SERVICES, *FOLLOWERS} - deployed
    assert gone == set(), "SERVICES and FOLLOWERS in simulation/wiring.py name what is gone"


def test_same_seed_is_the_same_run() -> None:
    first, second = run(4), run(4)

    assert first.faults
    assert first.digest == second.digest


def test_run_without_its_faults_has_none_of_them() -> None:
    faulty = run(4)

    calm = run(4, without={fault.id for fault in faulty.faults})

    assert {fault.id for fault in calm.faults}.isdisjoint(fault.id for fault in faulty.faults)


def test_orders_end_in_different_ways_and_faults_are_of_many_kinds() -> None:
    results = [played(seed) for seed in range(FIRST, FIRST + SEEDS)]

    ended = Counter[str]()
    for result in results:
        ended.update(result.orders)
    assert {"DISPATCHED", "CANCELLED", "REJECTED"} <= set(ended)
    assert len({fault.kind for result in results for fault in result.faults}) >= 10


def test_customers_reach_their_limits_and_order_again_when_orders_have_ended() -> None:
    results = [played(seed) for seed in range(FIRST, FIRST + SEEDS)]

    assert sum(result.limited for result in results) >= sum(r.admitted for r in results) > 0


def test_customers_get_mails_if_they_have_confirmed_an_address() -> None:
    notes = [note.text for seed in range(FIRST, FIRST + SEEDS) for note in played(seed).notes]

    assert [text for text in notes if text.startswith("SES takes 'Your order")]
    for state in ("SENT", "NO_ADDRESS", "UNCONFIRMED"):
        assert [text for text in notes if text.endswith(f"result={state}")]


def test_shards_are_split_and_the_views_meet_faults() -> None:
    faults = [fault for seed in range(FIRST, FIRST + SEEDS) for fault in played(seed).faults]

    resharded = [fault.where for fault in faults if fault.kind == kinds.RESHARD]
    assert "from 1 to 2" in resharded and "from 2 to 1" in resharded
    for view in ("timelines", "customer_orders", "sales", "availability"):
        assert [fault for fault in faults if f"storefront.update_{view}" in fault.where]


def test_model_of_one_order_has_the_consumers_that_the_templates_wire() -> None:
    world = World(synthesized(express=False), Chance(1, Kernel()))

    wired = {
        (event, target.short.partition("On")[0])
        for target in world.targets()
        for event in target.pattern.get("detail-type", ())
        if event in CONSUMERS
    }

    left_out = {("OrderConfirmed", f"Reconcile{kind}") for kind in ("Charge", "Reservation")}
    assert wired - left_out == {
        (event, "Pick" if consumer == WAREHOUSE else _rule_of(consumer))
        for event, consumers in CONSUMERS.items()
        for consumer in consumers
    }


def _rule_of(handler: str) -> str:
    """Return what the names of a handler's rules begin with."""
    return handler.rpartition(".")[2].title().replace("_", "")
