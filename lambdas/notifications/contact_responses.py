"""The refusals of PUT /contact."""

from datetime import datetime
from typing import Any

from lambdas.notifications.confirmations import end_of_day
from lambdas.notifications.contacts import BadContactError
from lambdas.runtime import http
from lambdas.runtime.log import log


def bad_contact(bad: BadContactError | http.NotJsonError) -> dict[str, Any]:
    """Return 400, naming every bad field."""
    problems = bad.problems if isinstance(bad, BadContactError) else []
    message = "the contact has bad fields" if problems else str(bad)
    log("contact_rejected", problems=max(1, len(problems)))
    return http.json_response(400, {"message": message, "problems": problems})


def too_many_confirmations(now: datetime) -> dict[str, Any]:
    """Return 429 until the day (UTC) is over."""
    log("confirmation_limit_reached")
    message = "enough mails that ask for confirmation were sent today; try again tomorrow"
    response = http.json_response(429, {"message": message, "problems": []})
    seconds = int((end_of_day(now) - now).total_seconds()) + 1
    return response | {"headers": response["headers"] | {"retry-after": str(seconds)}}


def not_sent() -> dict[str, Any]:
    """Return 503."""
    message = "the mail that asks for confirmation could not be sent; try again"
    return http.json_response(503, {"message": message, "problems": []})
