"""A letter goes out once: whatever fails wherever, nobody gets it twice or is forgotten."""

import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from lambdas.notifications.domain import EmailOutcomeUnknownError, EmailRejectedError
from lambdas.notifications.mail_sender import MailSender
from lambdas.notifications.store import EmailRecords
from lambdas.runtime.aws import CONFIG, SINGLE_ATTEMPT
from tests.support.spy import Spy
from tests.unit.notifications.mailer import (
    ADA,
    ADDRESS,
    MESSAGE,
    SENDER,
    Mailer,
    raising,
    refusal,
)

ONE = ("o1", "OrderConfirmed")


def test_it_is_sent_and_so_recorded(mailer: Mailer):
    record = mailer.send()

    assert (record.state, record.message_id) == ("SENT", "m1")
    assert mailer.states() == {ONE: "SENT"}
    (sent,) = mailer.ses.sent
    assert sent["FromEmailAddress"] == SENDER
    assert sent["Destination"] == {"ToAddresses": [ADDRESS]}
    text = sent["Content"]["Simple"]["Body"]["Text"]["Data"]
    assert text == "Hello Ada Lovelace,\n\nYour order is confirmed.\n\nYour shop\n"
    assert "Attachments" not in sent["Content"]["Simple"]


def test_an_attachment_goes_with_it(mailer: Mailer):
    mailer.send(attachment=b"%PDF", file_name="INV-o1.pdf")

    (attachment,) = mailer.ses.sent[0]["Content"]["Simple"]["Attachments"]
    assert (attachment["FileName"], attachment["RawContent"]) == ("INV-o1.pdf", b"%PDF")


def test_it_is_recorded_before_it_is_sent(mailer: Mailer):
    seen: list[Any] = []
    mailer.ses.first = lambda: seen.append(mailer.states())

    mailer.send()

    assert seen == [{ONE: "SENDING"}]


def test_a_second_delivery_finds_it_sent(mailer: Mailer):
    assert mailer.send() == mailer.send()
    assert len(mailer.ses.sent) == 1


def test_another_kind_and_another_order_are_other_letters(mailer: Mailer):
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
def test_when_nobody_knows_whether_it_was_sent_it_is_not_sent_again(
    mailer: Mailer, death: Exception
):
    mailer.ses.first = raising(death)
    with pytest.raises((Crash, ReadTimeoutError, EmailOutcomeUnknownError)):
        mailer.send()
    mailer.ses.first = lambda: None

    for _ in range(2):
        with pytest.raises(EmailOutcomeUnknownError, match="OrderConfirmed of order o1"):
            mailer.send()

    assert mailer.ses.sent == []
    assert mailer.states() == {ONE: "SENDING"}


def test_when_it_was_sent_and_that_was_not_noted_it_is_not_sent_again(mailer: Mailer):
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
def test_what_was_surely_not_sent_is_tried_again(mailer: Mailer, failure: Exception):
    mailer.ses.first = raising(failure)
    with pytest.raises(EmailRejectedError) as refused:
        mailer.send()
    assert mailer.states() == {}
    mailer.ses.first = lambda: None

    assert mailer.send().state == "SENT"
    # Lambda logs all of this.
    assert ADDRESS not in "".join(traceback.format_exception(refused.value))


def test_a_refusal_that_was_not_noted_is_for_a_person(mailer: Mailer):
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


class LostAnswers:
    """A client of which the first answer of a write is lost, so that boto3 asks a second time."""

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


def test_a_record_whose_answer_is_lost_is_known_as_ones_own(mailer: Mailer):
    record = losing(mailer, "put_item", lambda: None).send(MESSAGE)

    assert (record.state, len(mailer.ses.sent)) == ("SENT", 1)
    assert mailer.send() == record


def test_a_record_of_the_same_moment_is_not_ones_own(mailer: Mailer):
    mailer.ses.first = raising(Crash())
    mail_sender = mailer.mail_sender()
    mail_sender._now = lambda: "2026-12-01T08:26:00+00:00"
    with pytest.raises(Crash):
        mail_sender.send(MESSAGE)

    with pytest.raises(EmailOutcomeUnknownError):
        mail_sender.send(MESSAGE)


def test_a_record_that_somebody_else_began_meanwhile_is_not_forgotten(mailer: Mailer):
    """Else a third would send what the second is sending."""

    def second() -> None:
        mailer.ses.first = raising(Crash())
        with pytest.raises(Crash):
            mailer.send()

    mailer.ses.first = raising(refusal("MessageRejected"))
    with pytest.raises(EmailRejectedError):
        losing(mailer, "delete_item", second).send(MESSAGE)

    assert mailer.states() == {ONE: "SENDING"}


def test_who_comes_while_it_is_sent_does_not_send_it_and_finds_it_sent_later(mailer: Mailer):
    def second() -> None:
        mailer.ses.first = lambda: None
        with pytest.raises(EmailOutcomeUnknownError):
            mailer.send()

    mailer.ses.first = second

    first = mailer.send()

    assert mailer.send() == first
    assert len(mailer.ses.sent) == 1


def test_of_many_at_once_one_sends(mailer: Mailer):
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


def test_without_an_address_that_is_recorded_and_final(mailer: Mailer):
    assert mailer.send(customer_id="bob").state == "NO_ADDRESS"
    mailer.contacts.put(replace(ADA, customer_id="bob"))

    assert mailer.send(customer_id="bob").state == "NO_ADDRESS"
    assert mailer.ses.sent == []


def test_without_a_sender_it_is_recorded_and_final(mailer: Mailer):
    first = mailer.send(sender="")

    assert first.state == "RECORDED"
    assert mailer.send(sender=SENDER) == first
    assert mailer.ses.sent == []


def test_no_address_is_kept_with_a_mail(mailer: Mailer):
    mailer.send()

    assert ADDRESS not in str(mailer.dynamodb.scan(TableName=mailer.records_table)["Items"])


def test_boto_does_not_ask_ses_twice_by_itself():
    assert CONFIG.retries["total_max_attempts"] == 2
    assert SINGLE_ATTEMPT.retries["total_max_attempts"] == 1
    assert SINGLE_ATTEMPT.connect_timeout == CONFIG.connect_timeout


def test_ses_is_waited_for_nearly_as_long_as_the_function_lives():
    assert 2 * CONFIG.read_timeout < SINGLE_ATTEMPT.read_timeout < 15
