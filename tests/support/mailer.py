"""A mail sender on real tables, with an SES in memory that keeps what it is sent."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from botocore.exceptions import ClientError

from lambdas.contracts.codec import encode
from lambdas.contracts.times import reformat_time
from lambdas.notifications.contact_store import Contacts
from lambdas.notifications.contacts import Contact
from lambdas.notifications.email_records import EmailRecord
from lambdas.notifications.mail_sender import MailSender
from lambdas.notifications.messages import EmailMessage
from lambdas.notifications.store import EmailRecords
from lambdas.runtime.dynamodb import from_item, to_item
from lambdas.runtime.retry import RetryPolicy
from tests.support.doubles import ClientDouble

ADDRESS = "ada@example.com"
ADA = Contact(
    customer_id="ada",
    email=ADDRESS,
    name="Ada Lovelace",
    changed_at="2026-12-01T08:00:00.000Z",
    confirmed_at="2026-12-01T08:00:00.000Z",
)
MESSAGE = EmailMessage(
    order_id="o1",
    kind="OrderConfirmed",
    customer_id="ada",
    subject="Your order o1 is confirmed",
    text="Your order is confirmed.",
)
SENDER = "shop@example.com"
AT_ONCE = RetryPolicy(max_attempts=1)


class Ses(ClientDouble):
    """Calls ``first`` at each request, then accepts the e-mail."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.first: Callable[[], object] = lambda: None
        self.connected = True

    def close(self) -> None:
        self.connected = False

    def send_email(self, **record: Any) -> dict[str, str]:
        assert not self.connected, "the connection of an earlier request is used again"
        self.connected = True
        self.first()
        self.sent.append(record)
        return {"MessageId": f"m{len(self.sent)}"}

    @property
    def subjects(self) -> list[str]:
        return [record["Content"]["Simple"]["Subject"]["Data"] for record in self.sent]


def refusal(code: str, status: int = 400) -> ClientError:
    """Return the error with which SES rejects an e-mail; it contains the address."""
    response: Any = {
        "Error": {"Code": code, "Message": f"not to {ADDRESS}"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "SendEmail")


def raising(error: BaseException) -> Callable[[], object]:
    def raise_it() -> None:
        raise error

    return raise_it


class Mailer:
    """The tables of the notifications service and its mail sender, with a clock of its own."""

    def __init__(self, dynamodb: Any, make_table: Callable[..., str]) -> None:
        self.dynamodb = dynamodb
        self.contacts_table = make_table("customers", "customer_id")
        self.counters_table = make_table("confirmation-counters", "counter")
        self.records_table = make_table(
            "email-records", "order_id", sorted_by="kind", index=("customer_id", "order_id")
        )
        self.contacts = Contacts(self.contacts_table, dynamodb=dynamodb)
        self.records = EmailRecords(self.records_table, dynamodb=dynamodb)
        self.ses = Ses()
        self._seconds = count()
        self.put(ADA)

    def put(self, contact: Contact) -> None:
        item = to_item(encode(contact))
        self.dynamodb.put_item(TableName=self.contacts_table, Item=item)

    def contact(self, customer: str) -> Contact:
        """Return a stored contact, whose times have the one format."""
        found = self.contacts.find(customer)
        assert found is not None
        for time in filter(None, (found.changed_at, found.confirmed_at)):
            assert reformat_time(time) == time
        return found

    def mail_sender(
        self,
        *,
        sender: str = SENDER,
        records: EmailRecords | None = None,
        retry: RetryPolicy = AT_ONCE,
    ) -> MailSender:
        return MailSender(
            contacts=self.contacts,
            records=records or self.records,
            sender=sender,
            ses=self.ses,
            retry=retry,
            now=lambda: f"2026-12-01T08:26:{next(self._seconds):02}+00:00",
        )

    def send(self, *, sender: str = SENDER, **changed: Any) -> EmailRecord:
        return self.mail_sender(sender=sender).send(replace(MESSAGE, **changed))

    def states(self) -> dict[tuple[str, str], str]:
        rows = map(from_item, self.dynamodb.scan(TableName=self.records_table)["Items"])
        return {(row["order_id"], row["kind"]): row["state"] for row in rows}
