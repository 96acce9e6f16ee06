"""What each check of ``checks.saga_catches`` must report."""

from typing import Any

from tests.templates.breakages.common import Case
from tests.templates.breakages.sagas import change_state
from tests.templates.checks import saga_catches
from tests.templates.checks.common import Check


def lose(check: Check, state: str, error: str) -> Case:
    """Take away what catches an error."""

    def edit(own: Any) -> None:
        own["Catch"] = [each for each in own["Catch"] if error not in each["ErrorEquals"]]

    return check, change_state(state, edit)


EXPRESSION = "States.QueryEvaluationError"
CONDITION = "DynamoDB.ConditionalCheckFailedException"

BREAKAGES: list[Case] = [
    *(
        lose(saga_catches.call_catches_what_its_function_answers, *case)
        for case in (
            ("ReserveStock", "OutOfStock"),
            ("ReserveStock", "ReservationAlreadyReleased"),
            ("TakePayment", "States.Timeout"),
            ("BookShipment", "States.ALL"),
            ("CancelShipment", "ShipmentAlreadyDispatched"),
            ("RefundPayment", "States.Timeout"),
        )
    ),
    (
        saga_catches.call_catches_what_its_function_answers,
        change_state("ReleaseStock", lambda state: state["Catch"][-1].update(Next="AnyBusy")),
    ),
    *(
        (
            saga_catches.answer_that_a_task_catches_is_not_retried,
            change_state("TakePayment", edit),
        )
        for edit in (
            lambda state: state["Retry"].pop(0),
            lambda state: state["Retry"][0].update(MaxAttempts=1),
            lambda state: state["Retry"][0]["ErrorEquals"].remove("PaymentDeclined"),
            lambda state: state["Retry"][0]["ErrorEquals"].remove(EXPRESSION),
        )
    ),
    *(
        lose(saga_catches.busy_table_is_not_taken_for_a_broken_one, state, "States.Timeout")
        for state in ("Claim", "RecordReason", "Confirm", "Reject", "KeepEffects")
    ),
    lose(saga_catches.claim_fails_only_if_something_is_broken, "ClaimToUndo", CONDITION),
    lose(saga_catches.wish_to_cancel_is_obeyed_at_once, "Confirm", CONDITION),
    lose(saga_catches.event_that_cannot_be_read_is_dead_lettered, "Claim", EXPRESSION),
]
