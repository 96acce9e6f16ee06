"""PUT /contact: set a customer's e-mail address and name."""

from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.problems import ProblemError
from lambdas.contracts.requests import parse_request
from lambdas.notifications.api import (
    MAIL_NOT_SENT,
    TOO_MANY_MAILS,
    TRY_AGAIN,
    TRY_TOMORROW,
    ContactView,
)
from lambdas.notifications.confirmations import TooManyConfirmationsError, end_of_day
from lambdas.notifications.contact_change import ContactChange
from lambdas.notifications.contact_store import Contacts, PendingContacts
from lambdas.notifications.contacts import AddressState, WantedContact
from lambdas.notifications.email_records import EmailOutcomeUnknownError, EmailRejectedError
from lambdas.runtime import http
from lambdas.runtime.aws import SINGLE_ATTEMPT, client
from lambdas.runtime.log import log, log_error
from lambdas.runtime.settings import setting

change = ContactChange(
    contacts=Contacts(setting("CUSTOMERS_TABLE"), dynamodb=client("dynamodb")),
    pending=PendingContacts(
        setting("CUSTOMERS_TABLE"),
        setting("CONFIRMATION_COUNTERS_TABLE"),
        dynamodb=client("dynamodb"),
    ),
    sender=setting("SENDER"),
    api_url=setting("API_URL"),
    ses=client("sesv2", SINGLE_ATTEMPT),
)


@http.answer_problems
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 if the address is already confirmed, 202 if a confirmation mail was sent.

    Refusals: 400 names every bad field; 429 says that no further mail is sent today; 503 says that
    the confirmation mail was not sent, or may not have been.
    """
    customer_id, now = http.caller_id(event), datetime.now(UTC)
    wanted = parse_request(WantedContact, http.body(event))
    try:
        state = change.request(customer_id, wanted, now=now)
    except TooManyConfirmationsError:
        seconds = int((end_of_day(now) - now).total_seconds()) + 1
        raise ProblemError(TOO_MANY_MAILS, TRY_TOMORROW, retry_after=seconds) from None
    except (EmailRejectedError, EmailOutcomeUnknownError) as failed:
        log_error("confirmation_not_sent", customer_id=customer_id, error=str(failed))
        raise ProblemError(MAIL_NOT_SENT, TRY_AGAIN) from None
    log("contact_updated", customer_id=customer_id, state=state)
    status = 200 if state is AddressState.CONFIRMED else 202
    return http.json_response(
        status, ContactView(email=wanted.email, name=wanted.name, state=state)
    )
