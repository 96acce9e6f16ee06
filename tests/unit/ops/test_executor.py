"""Each action makes the right request of AWS; a target that fails again is an error."""

import io
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from ops.dlq.decode import decode
from ops.dlq.executor import ActionExecutor, ActionFailedError
from ops.dlq.failure_sinks import Mechanism
from ops.dlq.plan import plan_redrive
from tests.unit.ops.dead_letter_samples import (
    ALERT,
    EVENT,
    ORDER,
    REPLACED_FUNCTION,
    dead_lettered_by,
    outcome,
    sink,
)


class AlreadyThere(Exception):
    """What AWS says of what there is already."""


class FakeAws:
    """Records each request; functions return what the test gives."""

    def __init__(self, **answers: Any) -> None:
        self.requests: list[tuple[str, Mapping[str, Any]]] = []
        self._answers = answers

    def client(self, service: str) -> Any:
        return FakeClient(self, service)

    def answer(self, request: str, parameters: Mapping[str, Any]) -> Any:
        self.requests.append((request, parameters))
        if request != "lambda.invoke" or parameters.get("InvocationType") == "Event":
            return self._answers.get(request.replace(".", "_"), {})
        answer = self._answers.get(parameters["FunctionName"].replace("-", "_"), {})
        failed = {"FunctionError": "Unhandled"} if "errorType" in (answer or {}) else {}
        return {"Payload": io.BytesIO(json.dumps(answer).encode()), **failed}


class FakeClient:
    exceptions = SimpleNamespace(
        ExecutionAlreadyExists=AlreadyThere, ResourceAlreadyExistsException=AlreadyThere
    )

    def __init__(self, aws: FakeAws, service: str) -> None:
        self._aws = aws
        self._service = service

    def __getattr__(self, operation: str) -> Any:
        def request(**parameters: Any) -> Any:
            answer = self._aws.answer(f"{self._service}.{operation}", parameters)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return request


def move(aws: FakeAws, name: str, how: Mechanism, message: Any = None) -> None:
    at = sink(name)
    raw = message or dead_lettered_by(at.routes_by(how)[0], at)
    ActionExecutor(aws.client, lambda: "mark-compensation-completed").execute(
        plan_redrive(decode(raw, at), at)
    )


def test_message_is_sent_to_its_group():
    aws = FakeAws()

    move(aws, "storefront/AvailabilitySubscriberUndelivered", Mechanism.SUBSCRIPTION)

    ((request, sent),) = aws.requests
    assert request == "sqs.send_message"
    assert sent["QueueUrl"].partition("AvailabilitySubscriberQueue")[1]
    assert (sent["MessageGroupId"], sent["MessageDeduplicationId"]) == ("g", "redrive-m1")
    assert sent["MessageAttributes"] == {"redriven": {"DataType": "Number", "StringValue": "1"}}


@pytest.mark.parametrize(
    ("name", "request_", "parameter", "content"),
    [
        (
            "shipping/DispatchShipmentOnOrderPickedRuleUndelivered",
            "lambda.invoke",
            "Payload",
            EVENT,
        ),
        ("orders/StartFulfilmentRuleUndelivered", "stepfunctions.start_execution", "input",
         EVENT["detail"]),
        ("backbone/ToOrderStreamRuleUndelivered", "kinesis.put_record", "Data", EVENT),
        ("orders/AlertOrderNeedsAttentionRuleUndelivered", "sns.publish", "Message", ALERT),
    ],
)  # fmt: skip
def test_event_is_handed_to_its_target(name: str, request_: str, parameter: str, content: Any):
    aws = FakeAws()

    move(aws, name, Mechanism.RULE)

    ((request, parameters),) = aws.requests
    assert request == request_
    assert json.loads(parameters[parameter]) == content
    assert parameters.get("InvocationType", "Event") == "Event"


def test_event_is_logged_to_an_existing_log_stream():
    aws = FakeAws(logs_create_log_stream=AlreadyThere())

    move(aws, "backbone/CatchAllUndelivered", Mechanism.RULE)

    (_, logged) = aws.requests[-1]
    assert json.loads(logged["logEvents"][0]["message"]) == EVENT


def test_execution_that_exists_is_not_an_error():
    aws = FakeAws(stepfunctions_start_execution=AlreadyThere())

    move(aws, "orders/StartFulfilmentRuleUndelivered", Mechanism.RULE)

    assert aws.requests[0][1]["name"] == "redrive-m1"


def physical(name: str) -> str:
    (function,) = {route.target for route in sink(name).routes}
    assert function is not None
    return function.physical.replace("-", "_")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"errorType": "KeyError", "errorMessage": "'x'"}, "KeyError: 'x'"),
        ({"batchItemFailures": [{"itemIdentifier": "1"}]}, "failed on 1 of the records again"),
        (["nonsense"], "returned no result of a batch"),
        ("nonsense", "returned no result of a batch"),
    ],
)
def test_batch_that_fails_again_is_an_error(answer: Any, said: str):
    name = "storefront/SalesProjectionDeadLetters"
    aws = FakeAws(**{physical(name): answer})

    with pytest.raises(ActionFailedError, match=said):
        move(aws, name, Mechanism.CONSUMER)


@pytest.mark.parametrize(
    "answer", [{"batchItemFailures": []}, {"batchItemFailures": None}, {}, None]
)
def test_batch_without_failures_succeeds(answer: Any):
    name = "storefront/SalesProjectionDeadLetters"

    move(FakeAws(**{physical(name): answer} if answer else {}), name, Mechanism.CONSUMER)


class TestRepair:
    OLD, FUNCTION = REPLACED_FUNCTION, "release_stock"

    @staticmethod
    def machine(states: Any) -> Any:
        return {"definition": json.dumps({"States": states})}

    CALL: ClassVar[Any] = {
        "ReleaseStock": {"Arguments": {"FunctionName": "release-stock"}},
        "DeadLetterReleaseStock": {},
    }
    RENAMED: ClassVar[Any] = {
        "FreeStock": {"Arguments": {"FunctionName": OLD}},
        "DeadLetterFreeStock": {},
    }

    @pytest.mark.parametrize("state", ["REJECTED", "CANCELLED"])
    @pytest.mark.parametrize(
        ("states", "function"),
        [(CALL, "release-stock"), (RENAMED, OLD), ({**RENAMED, **CALL}, "release-stock")],
    )
    def test_compensation_is_called_by_its_name_and_then_marked_as_completed(
        self, state: str, states: Any, function: str
    ):
        """The function that the dead letter names is called if its compensation was renamed."""
        aws = FakeAws(
            mark_compensation_completed={"state": state, "finished": True},
            stepfunctions_describe_state_machine=self.machine(states),
        )

        move(aws, "orders/Repair", Mechanism.SAGA)

        called = [
            (r["FunctionName"], json.loads(r["Payload"]))
            for name, r in aws.requests
            if name == "lambda.invoke"
        ]
        assert called == [
            ("mark-compensation-completed", {"order_id": ORDER}),
            (function, {"order_id": ORDER}),
            ("mark-compensation-completed", {"order_id": ORDER, "compensation": "ReleaseStock"}),
        ]

    @pytest.mark.parametrize(
        "states",
        [
            {},
            {"ReleaseStock": {"Arguments": {"FunctionName": "an-action"}}},
            {"ReserveStock": {"Arguments": {"FunctionName": OLD}}},
        ],
    )
    def test_function_with_which_the_saga_undoes_nothing_is_not_called(self, states: Any):
        """Those who may send to the queue could otherwise have the operator call any function.

        With an action, such as TakePayment, they could charge the customer of an undone order.
        """
        aws = FakeAws(
            mark_compensation_completed={"state": "REJECTED", "finished": True},
            stepfunctions_describe_state_machine=self.machine(states),
        )

        with pytest.raises(ActionFailedError, match="no compensation ReleaseStock by now"):
            move(aws, "orders/Repair", Mechanism.SAGA)

        called = [r["FunctionName"] for name, r in aws.requests if name == "lambda.invoke"]
        assert called == ["mark-compensation-completed"]

    @pytest.mark.parametrize(
        ("state", "finished", "said"),
        [
            (
                "CONFIRMED",
                True,
                "is CONFIRMED: it is not undone, so ReleaseStock must not be called",
            ),
            ("DISPATCHED", True, "is DISPATCHED: it is not undone"),
            ("PLACED", False, "is PLACED: its saga works on it"),
            ("WITHDRAWN", False, "is WITHDRAWN: its saga works on it"),
        ],
    )
    def test_open_or_fulfilled_order_is_not_compensated(
        self, state: str, finished: bool, said: str
    ):
        """The saga that dead-lettered this died. Its next execution did the rest, or will."""
        aws = FakeAws(mark_compensation_completed={"state": state, "finished": finished})

        with pytest.raises(ActionFailedError, match=said):
            move(aws, "orders/Repair", Mechanism.SAGA)

        (asked,) = (json.loads(request["Payload"]) for _, request in aws.requests)
        assert asked == {"order_id": ORDER}

    @pytest.mark.parametrize("answer", [{}, {"state": "REJECTED"}, [], "text", None])
    def test_order_without_a_state_is_not_compensated(self, answer: Any):
        aws = FakeAws(mark_compensation_completed=answer)

        with pytest.raises(ActionFailedError, match="orders returned no state"):
            move(aws, "orders/Repair", Mechanism.SAGA)

        assert len(aws.requests) == 1

    def test_failed_compensation_is_not_marked_as_completed(self):
        error = {"errorType": "NoStockError", "errorMessage": "no stock"}
        aws = FakeAws(
            **{self.FUNCTION: error},
            mark_compensation_completed={"state": "REJECTED", "finished": True},
            stepfunctions_describe_state_machine=self.machine(self.CALL),
        )

        with pytest.raises(ActionFailedError, match="NoStockError: no stock"):
            move(aws, "orders/Repair", Mechanism.SAGA)

        invoked = [name for name, _ in aws.requests if name == "lambda.invoke"]
        assert len(invoked) == 2

    def test_compensation_that_cannot_be_marked_is_an_error(self):
        error = {"errorType": "UnknownOrderError", "errorMessage": "there is no order"}

        with pytest.raises(ActionFailedError, match="no order"):
            move(FakeAws(mark_compensation_completed=error), "orders/Repair", Mechanism.SAGA)

    def test_unwritten_outcome_is_resolved_when_its_order_has_ended(self):
        unwritten = outcome(sink("orders/Repair").routes[0].source)

        move(
            FakeAws(mark_compensation_completed={"finished": True}),
            "orders/Repair",
            Mechanism.SAGA,
            unwritten,
        )
        with pytest.raises(ActionFailedError, match="is PLACED"):
            going_on = FakeAws(mark_compensation_completed={"finished": False, "state": "PLACED"})
            move(going_on, "orders/Repair", Mechanism.SAGA, unwritten)
