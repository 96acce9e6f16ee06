"""Rows that cannot be read, because somebody edited them, while a request of the API is answered.

Without such a row the request is answered with 503, or with what could be read. A metric counts
these answers, and its alarm notifies an operator.
"""

from lambdas.runtime.log import log_error
from lambdas.runtime.metrics import put_metrics
from lambdas.runtime.settings import setting


def report_unreadable(message: str, **fields: object) -> None:
    """Write a line of level ERROR, as ``log_error`` does, and count the row."""
    log_error(message, **fields)
    put_metrics("Orders", {"Environment": setting("ENVIRONMENT")}, RowsUnreadable=1)
