"""What the saga's definition promises: an end in time, and words that both sides understand."""

import re
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from typing import Any, get_args, get_origin

import pytest
from aws_cdk.aws_stepfunctions import StateMachineType

from lambdas.contracts import inventory, payments, shipping
from lambdas.contracts.codec import field_types, split_bounds, unwrap_optional
from lambdas.contracts.commands import Command, Refusal
from lambdas.contracts.orders import OrderPlaced, OrderState, OrderWithdrawn
from lambdas.contracts.shipping import ShipmentAlreadyDispatched
from lambdas.contracts.transient import TRANSIENT_ERRORS
from lambdas.orders.domain import Order
from stacks.constructs.saga.model import EXPRESS_TIMEOUTS, STANDARD_TIMEOUTS, Timeouts
from stacks.environments import DEV, ENVIRONMENTS
from tests.templates.checks.sagas import invoked
from tests.templates.kinds import MACHINE
from tests.templates.synthesis import Platform, definition, platform, synthesis_of

COMMANDS: Mapping[str, type[Command]] = {
    command.__name__: command
    for module in (inventory, payments, shipping)
    for command in vars(module).values()
    if isinstance(command, type) and issubclass(command, Command) and command is not Command
}


def express() -> Platform:
    """The development environment with its one setting changed."""
    return synthesis_of(replace(DEV, saga_type=StateMachineType.EXPRESS)).platform


REASONS = {
    "ReserveStock": inventory.OutOfStock,
    "TakePayment": payments.PaymentDeclined,
    "BookShipment": shipping.AddressUndeliverable,
}
ALREADY_COMPENSATED = {
    "ReserveStock": inventory.ReservationAlreadyReleased,
    "TakePayment": payments.PaymentAlreadyRefunded,
    "BookShipment": shipping.ShipmentAlreadyCancelled,
}
SAGAS = ("Fulfilment", "Withdrawal")
STARTED_BY = {"Fulfilment": OrderPlaced, "Withdrawal": OrderWithdrawn}
UNDOING = {"ReleaseStock", "RefundPayment", "CancelShipment"}


def saga(of: Platform, name: str) -> Any:
    return definition(of.one(MACHINE, name))


def longest(state: Mapping[str, Any]) -> float:
    """How long a state may take at most, all its tries and the waits between them included."""
    retries = [retry for retry in state.get("Retry", []) if retry["MaxAttempts"]]
    attempts = 1 + sum(retry["MaxAttempts"] for retry in retries)
    waits = (
        min(retry["IntervalSeconds"] * retry["BackoffRate"] ** i, retry["MaxDelaySeconds"])
        for retry in retries
        for i in range(retry["MaxAttempts"])
    )
    return float(attempts * state.get("TimeoutSeconds", 0) + sum(waits))


def longest_path(machine: Mapping[str, Any], name: str | None = None) -> float:
    """The most seconds from a state, or the first, to an end."""
    state = machine["States"][name or machine["StartAt"]]
    ways = [state["Next"]] if "Next" in state else []
    ways += [catch["Next"] for catch in state.get("Catch", [])]
    ways += [choice["Next"] for choice in state.get("Choices", [])]
    ways += [state["Default"]] if "Default" in state else []
    return longest(state) + max((longest_path(machine, way) for way in ways), default=0.0)


class TestTime:
    def test_longest_path_is_the_sum_of_all_attempts_and_waits(self):
        retry = {"IntervalSeconds": 1, "BackoffRate": 2, "MaxDelaySeconds": 3, "MaxAttempts": 3}
        machine = {
            "StartAt": "A",
            "States": {
                "A": {
                    "TimeoutSeconds": 5,
                    "Retry": [{"ErrorEquals": ["No"], "MaxAttempts": 0}, retry],
                    "Next": "B",
                    "Catch": [{"Next": "C"}],
                },
                "B": {"TimeoutSeconds": 1},
                "C": {"Choices": [{"Next": "D"}], "Default": "B"},
                "D": {"TimeoutSeconds": 7},
            },
        }

        assert longest_path(machine) == 4 * 5 + (1 + 2 + 3) + 7

    @pytest.mark.parametrize("name", SAGAS)
    @pytest.mark.parametrize(
        ("of", "timeouts"),
        [
            (lambda: platform("dev"), STANDARD_TIMEOUTS),
            (lambda: platform("prod"), STANDARD_TIMEOUTS),
            (express, EXPRESS_TIMEOUTS),
        ],
        ids=["dev", "prod", "express"],
    )
    def test_longest_path_is_shorter_than_the_timeout(self, of: Any, timeouts: Timeouts, name: str):
        machine = saga(of(), name)

        assert machine["TimeoutSeconds"] == timeouts.execution
        assert 0 < longest_path(machine) < timeouts.execution

    @pytest.mark.parametrize("name", SAGAS)
    @pytest.mark.parametrize(
        ("of", "seconds"), [(lambda: platform("dev"), 120), (express, 40)], ids=["dev", "express"]
    )
    def test_execution_waits_for_a_busy_participant_for_a_bounded_time(
        self, of: Any, seconds: int, name: str
    ):
        for state in calls(saga(of(), name)).values():
            assert seconds / 2 < longest(state) <= seconds

    @pytest.mark.parametrize("name", SAGAS)
    def test_express_stays_within_its_five_minutes(self, name: str):
        # https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
        assert saga(express(), name)["TimeoutSeconds"] <= 300
        assert express().one(MACHINE, name).properties["StateMachineType"] == "EXPRESS"

    @pytest.mark.parametrize(
        "timeouts", [STANDARD_TIMEOUTS, EXPRESS_TIMEOUTS], ids=["standard", "express"]
    )
    def test_claim_outlives_the_execution(self, timeouts: Timeouts):
        assert timeouts.lease > timeouts.execution

    @pytest.mark.parametrize("name", SAGAS)
    def test_claim_is_written_with_that_lease(self, name: str):
        values = saga(platform("dev"), name)["States"]["Claim"]["Arguments"][
            "ExpressionAttributeValues"
        ]

        assert values[":until"]["N"].endswith(f"+ {STANDARD_TIMEOUTS.lease}) %}}")


def calls(machine: Any) -> dict[str, Any]:
    """The states that send a command, by the command's name."""
    return {
        name: state
        for name, state in machine["States"].items()
        if state.get("Resource", "").endswith("lambda:invoke")
    }


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
        doing = {"ReserveStock", "TakePayment", "BookShipment"} if name == "Fulfilment" else set()
        assert set(calls(saga(platform(environment), name))) == doing | UNDOING

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

    def test_refusals_are_those_of_the_service_and_never_retried(self, environment: str, name: str):
        for command, state in calls(saga(platform(environment), name)).items():
            module = {inventory, payments, shipping} & {
                m
                for m in (inventory, payments, shipping)
                if m.__name__ == COMMANDS[command].__module__
            }
            known = {
                refusal.__name__
                for m in module
                for refusal in vars(m).values()
                if isinstance(refusal, type)
                and issubclass(refusal, Refusal)
                and refusal is not Refusal
            }
            caught = [(caught["ErrorEquals"], caught["Next"]) for caught in state["Catch"]]
            never = [r["ErrorEquals"] for r in state["Retry"] if r["MaxAttempts"] == 0]
            busy, anything = list(TRANSIENT_ERRORS), ["States.ALL"]
            if command in ("ReserveStock", "TakePayment", "BookShipment"):
                # An action that was compensated before is a failure, not a reason to publish.
                refused, before = REASONS[command].__name__, ALREADY_COMPENSATED[command].__name__
                assert caught == [
                    ([refused], "AnythingToUndo"),
                    ([before], "AnythingToUndo"),
                    (busy, "Defer"),
                    (anything, "Defer"),
                ]
                assert never == [[refused, before]]
                assert {*never[0]} == known - {ShipmentAlreadyDispatched.__name__}
            elif command == "CancelShipment":
                too_late = [ShipmentAlreadyDispatched.__name__]
                assert caught == [
                    (too_late, "KeepEffects"),
                    (busy, "DeferUndoing"),
                    (anything, "DeferUndoing"),
                ]
                assert never == [too_late]
            else:
                following = {"RefundPayment": "ReleaseStock", "ReleaseStock": "AnyBusy"}
                assert caught == [
                    (busy, following[command]),
                    (anything, f"DeadLetter{command}"),
                ]
                assert never == []

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


@pytest.mark.parametrize(
    ("wanted", "given", "does"),
    [
        (str, str, True),
        (str, int, False),
        (str, None, False),
        (tuple[str, ...], str, False),
        (tuple[str, ...], tuple[str, ...], True),
        (tuple[str, ...], tuple[int, ...], False),
        (shipping.CancelShipment, OrderPlaced, True),
        (OrderPlaced, shipping.CancelShipment, False),
    ],
)
def test_fitting(wanted: Any, given: Any, does: bool):
    assert fits(wanted, given) is does
