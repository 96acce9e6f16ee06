"""PUT /contact: takes a customer's e-mail address and name."""

from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.codec import encode
from lambdas.notifications.confirmations import TooManyConfirmationsError
from lambdas.notifications.contact_change import ContactChange
from lambdas.notifications.contact_responses import bad_contact, not_sent, too_many_confirmations
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
        return bad_contact(bad)
    except TooManyConfirmationsError:
        return too_many_confirmations(now)
    except (EmailRejectedError, EmailOutcomeUnknownError) as failed:
        log("confirmation_not_sent", customer_id=customer_id, error=str(failed))
        return not_sent()
    log("contact_updated", customer_id=customer_id, state=state)
    status = 200 if state is AddressState.CONFIRMED else 202
    return http.json_response(status, {**encode(wanted), "state": state})
