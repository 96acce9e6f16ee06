"""PUT /contact: takes a customer's e-mail address and name."""

from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.codec import encode
from lambdas.notifications.confirmations import TooManyConfirmationsError, end_of_day
from lambdas.notifications.contact_change import ContactChange
from lambdas.notifications.contact_store import Contacts, PendingContacts
from lambdas.notifications.contacts import AddressState, BadContactError, parse_contact
from lambdas.notifications.email_records import EmailOutcomeUnknownError, EmailRejectedError
from lambdas.runtime import http
from lambdas.runtime.aws import SINGLE_ATTEMPT, client
from lambdas.runtime.log import log
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


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 if the address is confirmed already, 202 if it is to be confirmed, or a refusal.

    400 names every bad field; 429 says that no further mail is sent today; 503 that the mail that
    asks for confirmation was not sent, or may not have been.
    """
    customer_id, now = http.caller_id(event), datetime.now(UTC)
    try:
        wanted = parse_contact(http.body(event))
        state = change.request(customer_id, wanted, now=now)
    except (BadContactError, http.NotJsonError) as bad:
        return _bad_contact(bad)
    except TooManyConfirmationsError:
        return _too_many_confirmations(now)
    except (EmailRejectedError, EmailOutcomeUnknownError) as failed:
        log("confirmation_not_sent", customer_id=customer_id, error=str(failed))
        return _not_sent()
    log("contact_updated", customer_id=customer_id, state=state)
    status = 200 if state is AddressState.CONFIRMED else 202
    return http.json_response(status, {**encode(wanted), "state": state})


def _bad_contact(bad: BadContactError | http.NotJsonError) -> dict[str, Any]:
    """Return 400, naming every bad field."""
    problems = bad.problems if isinstance(bad, BadContactError) else []
    message = "the contact has bad fields" if problems else str(bad)
    log("contact_rejected", problems=max(1, len(problems)))
    return http.json_response(400, {"message": message, "problems": problems})


def _too_many_confirmations(now: datetime) -> dict[str, Any]:
    """Return 429 until the day (UTC) is over."""
    log("confirmation_limit_reached")
    message = "enough mails that ask for confirmation were sent today; try again tomorrow"
    response = http.json_response(429, {"message": message, "problems": []})
    seconds = int((end_of_day(now) - now).total_seconds()) + 1
    return response | {"headers": response["headers"] | {"retry-after": str(seconds)}}


def _not_sent() -> dict[str, Any]:
    """Return 503."""
    message = "the mail that asks for confirmation could not be sent; try again"
    return http.json_response(503, {"message": message, "problems": []})
