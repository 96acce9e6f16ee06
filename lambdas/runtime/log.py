"""Structured logs: one JSON object on each line. CloudWatch Logs Insights reads its fields."""

import json
import os
from collections.abc import Mapping

SERVICE = os.environ.get("_HANDLER", "").partition(".")[2].partition(".")[0]
"""The service of this function: the second part of its handler's path, which Lambda sets.

It is empty in a worker, whose log group is its own.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""


def log(message: str, **fields: object) -> None:
    """Write one line of level INFO.

    Args:
        message: What happened, in snake_case.
        fields: Ids, states, counts and reasons, never personal data. ``order_id`` is the
            correlation id of all that happens to an order.
    """
    _write("INFO", message, fields)


def log_error(message: str, **fields: object) -> None:
    """Write one line of level ERROR: an operator may have to look at it."""
    _write("ERROR", message, fields)


def _write(level: str, message: str, fields: Mapping[str, object]) -> None:
    service = {"service": SERVICE} if SERVICE else {}
    line = {"message": message, "level": level, **service, **fields}
    print(json.dumps(line, default=str), flush=True)
