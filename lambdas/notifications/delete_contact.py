"""DELETE /contact: erase a customer's address, name and records of mails."""

from typing import Any

from lambdas.notifications.contact_store import Contacts
from lambdas.notifications.erasure import Erasure
from lambdas.notifications.store import EmailRecords
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

erasure = Erasure(
    contacts=Contacts(setting("CUSTOMERS_TABLE"), dynamodb=client("dynamodb")),
    records=EmailRecords(setting("EMAIL_RECORDS_TABLE"), dynamodb=client("dynamodb")),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 204, even if there is nothing to erase."""
    customer_id = http.caller_id(event)
    erased = erasure.erase(customer_id)
    log("customer_erased", customer_id=customer_id, emails=erased.emails)
    return {"statusCode": 204}
