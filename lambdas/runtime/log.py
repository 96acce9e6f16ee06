"""Structured logs: one JSON object on each line. CloudWatch Logs Insights reads its fields."""

import json


def log(message: str, **fields: object) -> None:
    """Write one line. ``fields`` are ids, states, counts and reasons, never personal data."""
    print(json.dumps({"message": message, **fields}, default=str), flush=True)
