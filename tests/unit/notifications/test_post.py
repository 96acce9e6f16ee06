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

from lambdas.notifications.domain import MailRefusedError, MailUncertainError
from lambdas.notifications.post import Post
from lambdas.notifications.store import Mails
from lambdas.runtime.aws import CONFIG, SINGLE_ATTEMPT
from tests.unit.notifications.post_office import (
    ADA,
    ADDRESS,
    LETTER,
    SENDER,
    PostOffice,
    raising,
    refusal,
)
from tests.unit.spy import Spy

ONE = ("o1", "OrderConfirmed")


def test_it_is_sent_and_so_recorded(office: PostOffice):
    mail = office.deliver()

    assert (mail.state, mail.message_id) == ("SENT", "m1")
    assert office.states() == {ONE: "SENT"}
    (sent,) = office.ses.sent
    assert sent["FromEmailAddress"] == SENDER
    assert sent["Destination"] == {"ToAddresses": [ADDRESS]}
    text = sent["Content"]["Simple"]["Body"]["Text"]["Data"]
    assert text == "Hello Ada Lovelace,\n\nYour order is confirmed.\n\nYour shop\n"
    assert "Attachments" not in sent["Content"]["Simple"]


def test_an_attachment_goes_with_it(office: PostOffice):
    office.deliver(attachment=b"%PDF", file_name="INV-o1.pdf")

    (attachment,) = office.ses.sent[0]["Content"]["Simple"]["Attachments"]
    assert (attachment["FileName"], attachment["RawContent"]) == ("INV-o1.pdf", b"%PDF")


def test_it_is_recorded_before_it_is_sent(office: PostOffice):
    seen: list[Any] = []
    office.ses.first = lambda: seen.append(office.states())

    office.deliver()

    assert seen == [{ONE: "SENDING"}]


def test_a_second_delivery_finds_it_sent(office: PostOffice):
    assert office.deliver() == office.deliver()
    assert len(office.ses.sent) == 1


def test_another_kind_and_another_order_are_other_letters(office: PostOffice):
    for changed in ({}, {"kind": "OrderDispatched"}, {"order_id": "o2"}):
        office.deliver(**changed)

    assert len(office.ses.sent) == 3


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
    office: PostOffice, death: Exception
):
    office.ses.first = raising(death)
    with pytest.raises((Crash, ReadTimeoutError, MailUncertainError)):
        office.deliver()
    office.ses.first = lambda: None

    for _ in range(2):
        with pytest.raises(MailUncertainError, match="OrderConfirmed of order o1"):
            office.deliver()

    assert office.ses.sent == []
    assert office.states() == {ONE: "SENDING"}


def test_when_it_was_sent_and_that_was_not_noted_it_is_not_sent_again(office: PostOffice):
    def die(operation: str) -> None:
        if operation == "update_item":
            raise Crash

    dying = Mails(office.mails_table, dynamodb=Spy(office.dynamodb, die))
    with pytest.raises(Crash):
        office.post(mails=dying).deliver(LETTER)

    with pytest.raises(MailUncertainError):
        office.deliver()

    assert len(office.ses.sent) == 1


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
def test_what_was_surely_not_sent_is_tried_again(office: PostOffice, failure: Exception):
    office.ses.first = raising(failure)
    with pytest.raises(MailRefusedError) as refused:
        office.deliver()
    assert office.states() == {}
    office.ses.first = lambda: None

    assert office.deliver().state == "SENT"
    # Lambda logs all of this.
    assert ADDRESS not in "".join(traceback.format_exception(refused.value))


def test_a_refusal_that_was_not_noted_is_for_a_person(office: PostOffice):
    def die(operation: str) -> None:
        if operation == "delete_item":
            raise Crash

    office.ses.first = raising(refusal("MessageRejected"))
    with pytest.raises(Crash):
        office.post(mails=Mails(office.mails_table, dynamodb=Spy(office.dynamodb, die))).deliver(
            LETTER
        )
    office.ses.first = lambda: None

    with pytest.raises(MailUncertainError):
        office.deliver()


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


def losing(office: PostOffice, operation: str, meanwhile: Callable[[], object]) -> Post:
    lossy = LostAnswers(office.dynamodb, operation, meanwhile)
    return office.post(mails=Mails(office.mails_table, dynamodb=lossy))


def test_a_record_whose_answer_is_lost_is_known_as_ones_own(office: PostOffice):
    mail = losing(office, "put_item", lambda: None).deliver(LETTER)

    assert (mail.state, len(office.ses.sent)) == ("SENT", 1)
    assert office.deliver() == mail


def test_a_record_of_the_same_moment_is_not_ones_own(office: PostOffice):
    office.ses.first = raising(Crash())
    post = office.post()
    post._now = lambda: "2026-12-01T08:26:00+00:00"
    with pytest.raises(Crash):
        post.deliver(LETTER)

    with pytest.raises(MailUncertainError):
        post.deliver(LETTER)


def test_a_record_that_somebody_else_began_meanwhile_is_not_forgotten(office: PostOffice):
    """Else a third would send what the second is sending."""

    def second() -> None:
        office.ses.first = raising(Crash())
        with pytest.raises(Crash):
            office.deliver()

    office.ses.first = raising(refusal("MessageRejected"))
    with pytest.raises(MailRefusedError):
        losing(office, "delete_item", second).deliver(LETTER)

    assert office.states() == {ONE: "SENDING"}


def test_who_comes_while_it_is_sent_does_not_send_it_and_finds_it_sent_later(office: PostOffice):
    def second() -> None:
        office.ses.first = lambda: None
        with pytest.raises(MailUncertainError):
            office.deliver()

    office.ses.first = second

    first = office.deliver()

    assert office.deliver() == first
    assert len(office.ses.sent) == 1


def test_of_many_at_once_one_sends(office: PostOffice):
    def deliver(_: int) -> str:
        try:
            return office.deliver().state
        except MailUncertainError:
            return "uncertain"

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(deliver, range(64)))

    assert len(office.ses.sent) == 1
    assert set(outcomes) <= {"SENT", "uncertain"}
    assert office.states() == {ONE: "SENT"}


def test_without_an_address_that_is_recorded_and_final(office: PostOffice):
    assert office.deliver(customer_id="bob").state == "NO_ADDRESS"
    office.contacts.keep(replace(ADA, customer_id="bob"))

    assert office.deliver(customer_id="bob").state == "NO_ADDRESS"
    assert office.ses.sent == []


def test_without_a_sender_it_is_recorded_and_final(office: PostOffice):
    first = office.deliver(sender="")

    assert first.state == "RECORDED"
    assert office.deliver(sender=SENDER) == first
    assert office.ses.sent == []


def test_no_address_is_kept_with_a_mail(office: PostOffice):
    office.deliver()

    assert ADDRESS not in str(office.dynamodb.scan(TableName=office.mails_table)["Items"])


def test_boto_does_not_ask_ses_twice_by_itself():
    assert CONFIG.retries["total_max_attempts"] == 2
    assert SINGLE_ATTEMPT.retries["total_max_attempts"] == 1
    assert SINGLE_ATTEMPT.connect_timeout == CONFIG.connect_timeout


def test_ses_is_waited_for_nearly_as_long_as_the_function_lives():
    assert 2 * CONFIG.read_timeout < SINGLE_ATTEMPT.read_timeout < 15
