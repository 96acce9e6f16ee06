"""GET /contact/confirmation: show the page with the button that confirms an address."""

from typing import Any

from lambdas.notifications.confirmation_pages import button_page, expired_page
from lambdas.notifications.confirmations import Token
from lambdas.runtime import http


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 with the page, or 410 if the link has no token. Nothing is changed."""
    token = Token.parse(http.query_parameters(event).get("token", ""))
    if token is None:
        return http.html_response(410, expired_page())
    return http.html_response(200, button_page(token))
