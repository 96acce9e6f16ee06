"""A saga uses the commands, refusals, columns and states of the services that it calls."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, cast, get_args, get_origin

import pytest

from lambdas.contracts.codec import field_types, split_bounds, unwrap_optional
from lambdas.contracts.commands import Command, Refusal
from lambdas.contracts.order_states import OrderState
from lambdas.contracts.orders import OrderPlaced, OrderWithdrawn
from lambdas.contracts.orders_table import CONFIRMED_SHARD, OrderColumn
from lambdas.contracts.shipping import CancelShipment
from lambdas.contracts.times import format_time
from lambdas.notifications.messages import REJECTIONS
from lambdas.orders.domain import Order
from ops.orders.collect import ORDER_TABLES
from ops.orders.problems import FORBIDDEN_WHEN_FULFILLED, FORBIDDEN_WHEN_UNDONE
from ops.orders.render import RENDERERS
from ops.orders.row_checks import COLUMNS
from simulation.expressions import evaluate
from simulation.saga_walk import STEPS
from stacks.constructs.saga.definition import build_definition
from stacks.constructs.saga.model import STANDARD_TIMEOUTS
from stacks.environments import ENVIRONMENTS
from tests.templates.checks.saga_catches import ACTIONS, COMPENSATIONS
from tests.templates.checks.sagas import invoked
from tests.templates.kinds import FUNCTION, MACHINE
from tests.templates.saga_definitions import SAGAS, calls, saga
from tests.templates.synthesis import platform
from tools.contract_modules import declared

LEDGER = "payments"
"""The service without a table of its own: `order show` reads its ledger."""

COMMANDS: Mapping[str, type[Command]] = {
    call.name: call.command for step in STEPS for call in (step.action, step.compensation)
}
STARTED_BY = {"Fulfilment": OrderPlaced, "Withdrawal": OrderWithdrawn}


def fits(wanted: Any, given: Any) -> bool:
    """Whether a value of one contract's type can be read as another's; more fields do no harm."""
    if unwrap_optional(wanted) is not None:
        return fits(unwrap_optional(wanted), unwrap_optional(given) or given)
    (wanted, bounds), (given, given_bounds) = split_bounds(wanted), split_bounds(given)
    if bounds != given_bounds:
        return False
    if get_origin(wanted) is tuple:
        return get_origin(given) is tuple and fits(get_args(wanted)[0], get_args(given)[0])
    if is_dataclass(wanted) and isinstance(wanted, type) and isinstance(given, type):
        if not is_dataclass(given):
            return False
        fields = field_types(given)
        return all(
            name in fields and fits(kind, fields[name])
            for name, kind in field_types(wanted).items()
        )
    return bool(wanted is given)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("name", SAGAS)
class TestWords:
    def test_every_command_of_a_step_is_sent(self, environment: str, name: str):
        doing = set(ACTIONS) if name == "Fulfilment" else set()
        assert set(calls(saga(platform(environment), name))) == doing | set(COMPENSATIONS)

    def test_payload_has_the_commands_fields(self, environment: str, name: str):
        provided = field_types(STARTED_BY[name])
        for command, state in calls(saga(platform(environment), name)).items():
            asked = field_types(COMMANDS[command])
            assert state["Arguments"]["Payload"] == {
                field: f"{{% [$data.{field}] %}}"
                if get_origin(split_bounds(kind)[0]) is tuple
                else f"{{% $data.{field} %}}"
                for field, kind in asked.items()
            }
            assert {
                f: kind for f, kind in asked.items() if not fits(kind, provided.get(f))
            } == {}, command

    def test_command_goes_to_the_function_of_its_name(self, environment: str, name: str):
        of = platform(environment)
        for command, state in calls(saga(of, name)).items():
            handler = invoked(of, of.one(MACHINE, name), state).properties["Handler"]
            verb = "".join(f"_{c.lower()}" if c.isupper() else c for c in command)[1:]
            service = COMMANDS[command].__module__.rpartition(".")[2]
            assert handler == f"lambdas.{service}.{verb}.handler"

    def test_saga_writes_columns_of_an_order(self, environment: str, name: str):
        states = saga(platform(environment), name)["States"]
        columns = set(Order.__dataclass_fields__)
        writes = [s for s in states.values() if s.get("Resource", "").endswith("updateItem")]
        assert len(writes) == (10 if name == "Fulfilment" else 5)
        for write in writes:
            expression = write["Arguments"]["UpdateExpression"].removeprefix("SET ")
            sets, _, removes = expression.partition(" ADD ")[0].partition(" REMOVE ")
            aliases = write["Arguments"]["ExpressionAttributeNames"]
            # A comma within parentheses is a function's.
            written = {part.split(" = ")[0] for part in re.split(r", (?![^(]*\))", sets)}
            written |= {column for column in removes.split(", ") if column}
            written |= set(re.findall(r"if_not_exists\((\w+),", sets))
            assert {aliases.get(column, column) for column in written} <= columns

    def test_saga_uses_states_of_an_order(self, environment: str, name: str):
        states = saga(platform(environment), name)["States"]

        def values(state: str) -> Any:
            return states[state]["Arguments"]["ExpressionAttributeValues"]

        opened, undone = {
            "Fulfilment": (OrderState.PLACED, OrderState.REJECTED),
            "Withdrawal": (OrderState.WITHDRAWN, OrderState.CANCELLED),
        }[name]
        assert values("Claim")[":initial"] == values("Reject")[":initial"] == {"S": opened}
        outcome = states["Claim"]["Assign"]["outcome"]
        if name == "Fulfilment":
            assert values("Confirm")[":state"] == {"S": OrderState.CONFIRMED}
            assert states["Cancel"]["Assign"]["outcome"] == OrderState.CANCELLED
            assert outcome.endswith(f"? '{OrderState.CANCELLED}' : '{undone}' %}}")
            assert values("Defer")[":initial"] == {"S": opened}
        else:
            assert "Confirm" not in states
            assert outcome == undone
        assert values("DeferUndoing")[":initial"] == {"S": opened}
        assert values("KeepEffects")[":state"] == {"S": OrderState.DISPATCHED}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_confirmed_order_is_put_where_the_job_looks_for_late_dispatches(environment: str):
    whole, now = platform(environment), datetime(2026, 12, 1, 8, tzinfo=UTC)
    confirm = saga(whole, "Fulfilment")["States"]["Confirm"]["Arguments"]
    values = evaluate(
        {name: confirm["ExpressionAttributeValues"].get(name) for name in (":shard", ":then")},
        {"data": {"order_id": "a1"}},
        now=now,
        random=lambda: 0.0,
    )
    job = whole.one(FUNCTION, "JobsRepublishStalled").properties["Environment"]["Variables"]
    late = now + timedelta(seconds=int(job["DISPATCH_WITHIN_SECONDS"]))

    for column, value in ((OrderColumn.OPEN_SHARD, ":shard"), (OrderColumn.CHECK_AFTER, ":then")):
        assert f"{column} = {value}" in confirm["UpdateExpression"]
    assert values == {
        ":shard": {"S": f"{CONFIRMED_SHARD}a"},
        ":then": {"S": format_time(late)},
    }


def test_steps_know_every_refusal_of_their_services():
    known = {
        refusal
        for service in {step.action.command.__module__ for step in STEPS}
        for refusal in declared(import_module(service), Refusal)
    }

    assert known == {
        refusal
        for step in STEPS
        for refusal in (*step.refusals, *step.already_compensated, *step.irreversible)
    }


def test_each_refusal_has_a_text_for_customers():
    reasons = [name for step in STEPS for name in _names(step.refusals)]

    assert sorted(reasons) == sorted(REJECTIONS), "REJECTIONS in lambdas/notifications/messages.py"


def test_operator_is_shown_what_each_step_left_behind():
    services = {step.action.command.__module__.rpartition(".")[2] for step in STEPS}
    tables = {
        "ORDER_TABLES in ops/orders/collect.py": {*ORDER_TABLES, LEDGER},
        "COLUMNS in ops/orders/row_checks.py": {*COLUMNS, LEDGER},
        "RENDERERS in ops/orders/render.py": RENDERERS,
        "FORBIDDEN_WHEN_UNDONE in ops/orders/problems.py": FORBIDDEN_WHEN_UNDONE,
        "FORBIDDEN_WHEN_FULFILLED in ops/orders/problems.py": FORBIDDEN_WHEN_FULFILLED,
    }

    missing = {where: services.difference(known) for where, known in tables.items()}

    assert {where: names for where, names in missing.items() if names} == {}


def _names(refusals: Sequence[type[Refusal]]) -> list[str]:
    return [refusal.__name__ for refusal in refusals]


def test_step_that_may_be_irreversible_is_the_last():
    shipping_first = [STEPS[-1], *STEPS[:-1]]

    with pytest.raises(ValueError, match="BookShipment may be irreversible, so it must be the"):
        build_definition(
            record=cast(Any, None),
            steps=shipping_first,
            versions=[1],
            repair_queue=cast(Any, None),
            timeouts=STANDARD_TIMEOUTS,
        )


@pytest.mark.parametrize(
    ("wanted", "given", "does"),
    [
        (str, str, True),
        (str, int, False),
        (str, None, False),
        (tuple[str, ...], str, False),
        (tuple[str, ...], tuple[str, ...], True),
        (tuple[str, ...], tuple[int, ...], False),
        (CancelShipment, OrderPlaced, True),
        (OrderPlaced, CancelShipment, False),
    ],
)
def test_fitting(wanted: Any, given: Any, does: bool):
    assert fits(wanted, given) is does
