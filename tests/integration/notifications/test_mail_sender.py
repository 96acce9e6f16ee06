"""An e-mail is sent at most once, whichever call fails, and its record says what became of it."""

import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from lambdas.notifications.email_records import EmailOutcomeUnknownError, EmailRejectedError
from lambdas.notifications.mail_sender import MailSender
from lambdas.notifications.store import EmailRecords
from lambdas.runtime.aws import CONFIG, SINGLE_ATTEMPT
from lambdas.runtime.dynamodb import to_item
from tests.support.doubles import ClientDouble
from tests.support.mailer import (
    ADA,
    ADDRESS,
    MESSAGE,
    SENDER,
    Mailer,
    raising,
    refusal,
)
from tests.support.spy import Spy

ONE = ("o1", "OrderConfirmed")


def test_email_is_sent_and_recorded_as_sent(mailer: Mailer):
    record = mailer.send()

    assert (record.state, record.message_id) == ("SENT", "m1")
    assert mailer.states() == {ONE: "SENT"}
    (sent,) = mailer.ses.sent
    assert sent["FromEmailAddress"] == SENDER
    assert sent["Destination"] == {"ToAddresses": [ADDRESS]}
    text = sent["Content"]["Simple"]["Body"]["Text"]["Data"]
    assert text == "Hello Ada Lovelace,\n\nYour order is confirmed.\n\nYour shop\n"
    assert "Attachments" not in sent["Content"]["Simple"]


def test_attachment_is_sent_with_the_email(mailer: Mailer):
    mailer.send(attachment=b"%PDF", file_name="INV-o1.pdf")

    (attachment,) = mailer.ses.sent[0]["Content"]["Simple"]["Attachments"]
    assert (attachment["FileName"], attachment["RawContent"]) == ("INV-o1.pdf", b"%PDF")


def test_record_is_written_before_the_email_is_sent(mailer: Mailer):
    seen: list[Any] = []
    mailer.ses.first = lambda: seen.append(mailer.states())

    mailer.send()

    assert seen == [{ONE: "SENDING"}]


def test_second_attempt_returns_the_record_and_sends_nothing(mailer: Mailer):
    assert mailer.send() == mailer.send()
    assert len(mailer.ses.sent) == 1


def test_other_kinds_and_other_orders_are_sent_separately(mailer: Mailer):
    for changed in ({}, {"kind": "OrderDispatched"}, {"order_id": "o2"}):
        mailer.send(**changed)

    assert len(mailer.ses.sent) == 3


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(
    "death",
    [
        Crash(),
        ReadTimeoutError(endpoint_url="https://email.eu-west-1.amazonaws.com"),
        refusal("InternalFailure", 500),
        refusal("ServiceUnavailable", 503),
    ],
    ids=lambda death: type(death).__name__,
)
def test_email_of_unknown_outcome_is_not_sent_again(mailer: Mailer, death: Exception):
    mailer.ses.first = raising(death)
    with pytest.raises((Crash, EmailOutcomeUnknownError)):
        mailer.send()
    mailer.ses.first = lambda: None

    for _ in range(2):
        with pytest.raises(EmailOutcomeUnknownError, match="OrderConfirmed of order o1"):
            mailer.send()

    assert mailer.ses.sent == []
    assert mailer.states() == {ONE: "SENDING"}


def test_email_whose_success_was_not_recorded_is_not_sent_again(mailer: Mailer):
    def die(operation: str) -> None:
        if operation == "update_item":
            raise Crash

    dying = EmailRecords(mailer.records_table, dynamodb=Spy(mailer.dynamodb, die))
    with pytest.raises(Crash):
        mailer.mail_sender(records=dying).send(MESSAGE)

    with pytest.raises(EmailOutcomeUnknownError):
        mailer.send()

    assert len(mailer.ses.sent) == 1


@pytest.mark.parametrize(
    "failure",
    [
        refusal("MessageRejected"),
        refusal("TooManyRequestsException", 429),
        refusal("AccessDeniedException", 403),
        EndpointConnectionError(endpoint_url="https://email.eu-west-1.amazonaws.com"),
        ConnectTimeoutError(endpoint_url="https://email.eu-west-1.amazonaws.com"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_rejected_email_is_sent_at_the_next_attempt(mailer: Mailer, failure: Exception):
    mailer.ses.first = raising(failure)
    with pytest.raises(EmailRejectedError) as refused:
        mailer.send()
    assert mailer.states() == {}
    mailer.ses.first = lambda: None

    assert mailer.send().state == "SENT"
    # Lambda logs all of this.
    assert ADDRESS not in "".join(traceback.format_exception(refused.value))


def test_rejection_that_was_not_recorded_leaves_an_unknown_outcome(mailer: Mailer):
    def die(operation: str) -> None:
        if operation == "delete_item":
            raise Crash

    mailer.ses.first = raising(refusal("MessageRejected"))
    with pytest.raises(Crash):
        mailer.mail_sender(
            records=EmailRecords(mailer.records_table, dynamodb=Spy(mailer.dynamodb, die))
        ).send(MESSAGE)
    mailer.ses.first = lambda: None

    with pytest.raises(EmailOutcomeUnknownError):
        mailer.send()


class LostAnswers(ClientDouble):
    """A client that loses the first response to a write, so that boto3 sends it a second time."""

    def __init__(self, dynamodb: Any, operation: str, meanwhile: Callable[[], object]) -> None:
        self._dynamodb = dynamodb
        self._operation = operation
        self._meanwhile = meanwhile
        self.exceptions = dynamodb.exceptions

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._dynamodb, name)
        if name != self._operation:
            return call

        def twice(**arguments: Any) -> Any:
            call(**arguments)
            self._meanwhile()
            return call(**arguments)

        return twice


def losing(mailer: Mailer, operation: str, meanwhile: Callable[[], object]) -> MailSender:
    lossy = LostAnswers(mailer.dynamodb, operation, meanwhile)
    return mailer.mail_sender(records=EmailRecords(mailer.records_table, dynamodb=lossy))


def test_record_created_by_a_retried_request_counts_as_new(mailer: Mailer):
    record = losing(mailer, "put_item", lambda: None).send(MESSAGE)

    assert (record.state, len(mailer.ses.sent)) == ("SENT", 1)
    assert mailer.send() == record


def test_record_of_another_attempt_at_the_same_time_is_not_taken_as_own(mailer: Mailer):
    mailer.ses.first = raising(Crash())
    mail_sender = mailer.mail_sender()
    mail_sender._now = lambda: "2026-12-01T08:26:00+00:00"
    with pytest.raises(Crash):
        mail_sender.send(MESSAGE)

    with pytest.raises(EmailOutcomeUnknownError):
        mail_sender.send(MESSAGE)


def test_retried_deletion_keeps_the_record_of_another_attempt(mailer: Mailer):
    """Otherwise a third attempt would send what the second is sending."""

    def second() -> None:
        mailer.ses.first = raising(Crash())
        with pytest.raises(Crash):
            mailer.send()

    mailer.ses.first = raising(refusal("MessageRejected"))
    with pytest.raises(EmailRejectedError):
        losing(mailer, "delete_item", second).send(MESSAGE)

    assert mailer.states() == {ONE: "SENDING"}


def test_concurrent_attempt_does_not_send_and_later_finds_the_email_sent(mailer: Mailer):
    def second() -> None:
        mailer.ses.first = lambda: None
        with pytest.raises(EmailOutcomeUnknownError):
            mailer.send()

    mailer.ses.first = second

    first = mailer.send()

    assert mailer.send() == first
    assert len(mailer.ses.sent) == 1


def test_one_of_many_concurrent_attempts_sends(mailer: Mailer):
    def send(_: int) -> str:
        try:
            return mailer.send().state
        except EmailOutcomeUnknownError:
            return "uncertain"

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(send, range(64)))

    assert len(mailer.ses.sent) == 1
    assert set(outcomes) <= {"SENT", "uncertain"}
    assert mailer.states() == {ONE: "SENT"}


def test_missing_address_is_recorded_and_final(mailer: Mailer):
    assert mailer.send(customer_id="bob").state == "NO_ADDRESS"
    mailer.put(replace(ADA, customer_id="bob"))

    assert mailer.send(customer_id="bob").state == "NO_ADDRESS"
    assert mailer.ses.sent == []


def test_unconfirmed_address_gets_no_email_and_that_is_final(mailer: Mailer):
    mailer.put(replace(ADA, confirmed_at=""))
    assert mailer.send().state == "UNCONFIRMED"
    mailer.put(ADA)

    assert mailer.send().state == "UNCONFIRMED"
    assert mailer.ses.sent == []


def test_contact_of_an_older_release_counts_as_unconfirmed(mailer: Mailer):
    row = {"customer_id": "ada", "email": ADDRESS, "name": "Ada", "changed_at": "2026-12-01"}
    mailer.dynamodb.put_item(TableName=mailer.contacts_table, Item=to_item(row))

    assert mailer.send().state == "UNCONFIRMED"


def test_missing_sender_is_recorded_and_final(mailer: Mailer):
    first = mailer.send(sender="")

    assert first.state == "RECORDED"
    assert mailer.send(sender=SENDER) == first
    assert mailer.ses.sent == []


def test_email_record_contains_no_address(mailer: Mailer):
    mailer.send()

    assert ADDRESS not in str(mailer.dynamodb.scan(TableName=mailer.records_table)["Items"])


def options(config: Config) -> dict[str, Any]:
    return vars(config)


def test_boto3_does_not_retry_requests_to_ses():
    default, single = options(CONFIG), options(SINGLE_ATTEMPT)
    assert default["retries"]["total_max_attempts"] == 2
    assert single["retries"]["total_max_attempts"] == 1
    assert single["connect_timeout"] == default["connect_timeout"]


def test_ses_has_more_than_twice_the_usual_time_to_answer():
    default, single = options(CONFIG), options(SINGLE_ATTEMPT)
    assert 2 * default["read_timeout"] < single["read_timeout"]
