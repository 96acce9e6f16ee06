"""PUT /contact: stores a customer's e-mail address and name."""

from datetime import UTC, datetime
from typing import Any

from lambdas.notifications.contacts import BadContactError, parse_contact
from lambdas.notifications.store import Contacts
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

contacts = Contacts(setting("CUSTOMERS_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 with the stored contact, or 400 naming every bad field."""
    customer_id, now = http.caller_id(event), datetime.now(UTC).isoformat()
    try:
        contact = parse_contact(http.body(event), customer_id=customer_id, now=now)
    except BadContactError as bad:
        log("contact_rejected", problems=len(bad.problems))
        content = {"message": "the contact has bad fields", "problems": bad.problems}
        return http.json_response(400, content)
    except http.NotJsonError as bad:
        log("contact_rejected", problems=1)
        return http.json_response(400, {"message": str(bad), "problems": []})
    contacts.put(contact)
    log("contact_updated", customer_id=customer_id)
    return http.json_response(200, {"email": contact.email, "name": contact.name})
