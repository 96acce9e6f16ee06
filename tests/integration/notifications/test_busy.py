"""SES that throttles, and rows that another request is writing: both pass."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.notifications.confirmations import Token
from lambdas.notifications.contact_change import ContactChange
from lambdas.notifications.contact_store import Contacts, PendingContacts
from lambdas.notifications.contacts import AddressState, WantedContact
from lambdas.notifications.email_records import EmailRejectedError, EmailThrottledError
from lambdas.runtime.retry import RetryPolicy
from tests.support.mailer import MESSAGE, SENDER, Mailer, raising, refusal
from tests.support.spy import Spy, cancelled

NOW = datetime.now(UTC)


@pytest.mark.parametrize("code", ["ThrottlingException", "TooManyRequestsException"])
def test_throttled_email_waits_without_a_record_and_is_sent_once(mailer: Mailer, code: str):
    waits: list[tuple[float, Any]] = []
    retry = RetryPolicy(
        max_attempts=4,
        base_delay=10,
        sleep=lambda seconds: waits.append((seconds, mailer.states())),
        jitter=lambda: 1.0,
    )
    mailer.ses.first = lambda: raising(refusal(code, 429))() if len(waits) < 3 else None

    assert mailer.mail_sender(retry=retry).send(MESSAGE).state == "SENT"

    assert waits == [(10, {}), (20, {}), (40, {})]
    assert len(mailer.ses.sent) == 1


def test_email_that_is_throttled_to_the_end_is_sent_at_the_next_attempt(mailer: Mailer):
    mailer.ses.first = raising(refusal("TooManyRequestsException", 429))
    retry = RetryPolicy(max_attempts=3)
    with pytest.raises(EmailThrottledError):
        mailer.mail_sender(retry=retry).send(MESSAGE)
    mailer.ses.first = lambda: None

    assert mailer.send().state == "SENT"
    assert len(mailer.ses.sent) == 1


def test_rejected_email_does_not_wait(mailer: Mailer):
    mailer.ses.first = raising(refusal("MessageRejected"))
    waits: list[float] = []
    retry = RetryPolicy(max_attempts=3, base_delay=10, sleep=waits.append)

    with pytest.raises(EmailRejectedError):
        mailer.mail_sender(retry=retry).send(MESSAGE)

    assert waits == []


def busy_once(dynamodb: Any) -> Spy:
    """A client that meets a transaction in progress at the first request of each operation."""
    conflict: Any = {"Error": {"Code": "TransactionConflictException", "Message": "busy"}}
    refusals: dict[str, Exception] = {
        "update_item": ClientError(conflict, "UpdateItem"),
        "delete_item": ClientError(conflict, "DeleteItem"),
        "transact_write_items": cancelled(dynamodb, "TransactionConflict", "None", "None"),
    }

    def before(operation: str) -> None:
        if refusal := refusals.pop(operation, None):
            raise refusal

    return Spy(dynamodb, before)


def contact_change(mailer: Mailer, waits: list[float]) -> ContactChange:
    """What changes contacts, on tables that are busy once, with a token that is known."""
    busy = busy_once(mailer.dynamodb)
    return ContactChange(
        contacts=Contacts(mailer.contacts_table, dynamodb=busy),
        pending=PendingContacts(mailer.contacts_table, mailer.counters_table, dynamodb=busy),
        sender=SENDER,
        api_url="https://api.example",
        ses=mailer.ses,
        retry=RetryPolicy(max_attempts=3, base_delay=1, sleep=waits.append),
        new_secret=lambda: "s" * 43,
    )


def test_contact_that_another_request_is_changing_is_changed_after_it(mailer: Mailer):
    """A button that is pressed twice makes two requests at the same time."""
    change = contact_change(mailer, [])
    bob = WantedContact(email="bob@example.com", name="Bob")

    assert change.request("b0b", bob, now=NOW) == AddressState.UNCONFIRMED

    assert len(mailer.ses.sent) == 1
    assert mailer.contacts.confirm(Token.create("b0b", secret="s" * 43), now=NOW)
    assert change.contacts.erase("b0b")


def test_confirmation_that_ses_throttles_is_mailed_within_the_request(mailer: Mailer):
    waits: list[float] = []
    throttled = raising(refusal("TooManyRequestsException", 429))
    mailer.ses.first = lambda: throttled() if len(waits) < 2 else None
    bob = WantedContact(email="bob@example.com", name="Bob")

    contact_change(mailer, waits).request("b0b", bob, now=NOW)

    assert len(mailer.ses.sent) == 1
