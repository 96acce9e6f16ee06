"""The card company told of a dispute: tell the others, or park what makes no sense."""

from typing import Any

from lambdas.contracts.codec import ContractError
from lambdas.payments.disputes import told_by
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.log import log
from lambdas.runtime.dead_letters import dead_letter
from lambdas.runtime.settings import setting

bus = Bus(setting("EVENT_BUS"), eventbridge=client("events"))
sqs, DEAD_LETTER_QUEUE_URL = client("sqs"), setting("DEAD_LETTER_QUEUE_URL")


class NotToldError(Exception):
    """The bus did not take the event, though it was asked several times."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer what was told, or why the event is parked; raise NotToldError to be called again."""
    try:
        fact = told_by(event)
    except ContractError as reason:
        dead_letter(sqs, DEAD_LETTER_QUEUE_URL, event, reason=str(reason))
        log("dispute parked", event_id=event["id"], reason=str(reason))
        return {"parked": str(reason)}
    if bus.publish([fact]):
        raise NotToldError(f"dispute {fact.data.dispute_id} of order {fact.data.order_id}")
    log("dispute told", order_id=fact.data.order_id, dispute_id=fact.data.dispute_id)
    return {"order_id": fact.data.order_id, "event_id": fact.metadata.event_id}
