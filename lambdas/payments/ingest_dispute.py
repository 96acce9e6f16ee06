"""On Dispute Opened, of the card company: publish PaymentDisputed, or dead-letter the report."""

from typing import Any

from lambdas.contracts.codec import ContractError
from lambdas.payments.disputes import translate_dispute
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.dead_letters import make_dead_letter_queue
from lambdas.runtime.errors import PublishError
from lambdas.runtime.log import log, log_error
from lambdas.runtime.settings import setting

bus = Bus(setting("EVENT_BUS"), eventbridge=client("events"))
dead_letters = make_dead_letter_queue()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the published event's id, or the reason why the report was dead-lettered.

    Raises PublishError if the bus rejects the event; Lambda then retries.
    """
    try:
        disputed = translate_dispute(event)
    except ContractError as reason:
        dead_letters.send_event(event, reason=str(reason))
        log_error("dispute_dead_lettered", event_id=event["id"], reason=str(reason))
        return {"dead_lettered": str(reason)}
    if bus.publish([disputed]):
        raise PublishError(
            f"the bus rejected dispute {disputed.data.dispute_id} of order {disputed.data.order_id}"
        )
    log("dispute_published", order_id=disputed.data.order_id, dispute_id=disputed.data.dispute_id)
    return {"order_id": disputed.data.order_id, "event_id": disputed.metadata.event_id}
