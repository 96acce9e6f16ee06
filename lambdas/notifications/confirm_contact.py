"""POST /contact/confirmation: confirm an address with the token that was mailed to it."""

from datetime import UTC, datetime
from typing import Any

from lambdas.notifications.confirmation_pages import confirmed_page, expired_page
from lambdas.notifications.confirmations import Token
from lambdas.notifications.contact_store import Contacts
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

contacts = Contacts(setting("CUSTOMERS_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 if the address is confirmed now, or 410 if the token is not or no longer valid."""
    token = Token.parse(http.form(event).get("token", ""))
    if token is None or not contacts.confirm(token, now=datetime.now(UTC)):
        log("confirmation_refused")
        return http.html_response(410, expired_page())
    log("contact_confirmed", customer_id=token.customer_id)
    return http.html_response(200, confirmed_page())
