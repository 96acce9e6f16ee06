"""An invoice was written: send it to its customer."""

from typing import Any

from lambdas.contracts.codec import decode
from lambdas.notifications.domain import Issued, covering_letter
from lambdas.notifications.post import Post
from lambdas.notifications.store import Contacts, Invoices, Mails
from lambdas.runtime.aws import SINGLE_ATTEMPT, client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

invoices = Invoices(setting("INVOICES_BUCKET"), s3=client("s3"))
post = Post(
    contacts=Contacts(setting("CUSTOMERS_TABLE"), dynamodb=client("dynamodb")),
    mails=Mails(setting("MAILS_TABLE"), dynamodb=client("dynamodb")),
    sender=setting("SENDER"),
    ses=client("sesv2", SINGLE_ATTEMPT),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Take the record of ``issue_invoice``'s success; raise what ``Post.deliver`` does."""
    invoice = decode(Issued, event["responsePayload"])
    mail = post.deliver(covering_letter(invoice, invoices.read(invoice.key)))
    log("invoice sent", order_id=mail.order_id, result=mail.state)
    return {"order_id": mail.order_id, "result": mail.state}
