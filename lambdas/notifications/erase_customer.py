"""On an operator's command: erase a customer's address, name and records of mails."""

from typing import Any

from lambdas.contracts.codec import encode
from lambdas.contracts.notifications import EraseCustomer
from lambdas.notifications.contact_store import Contacts
from lambdas.notifications.erasure import Erasure
from lambdas.notifications.store import EmailRecords
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

erasure = Erasure(
    contacts=Contacts(setting("CUSTOMERS_TABLE"), dynamodb=client("dynamodb")),
    records=EmailRecords(setting("EMAIL_RECORDS_TABLE"), dynamodb=client("dynamodb")),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return what was erased; in a dry run, what would be."""
    command = EraseCustomer.decode(event)
    if command.dry_run:
        return encode(erasure.preview(command.customer_id))
    erased = erasure.erase(command.customer_id)
    log("customer_erased", customer_id=command.customer_id, emails=erased.emails)
    return encode(erased)
