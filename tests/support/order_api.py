"""A handler of the API, and what its answer says."""

import json
from collections.abc import Callable
from typing import Any

Handler = Callable[[dict[str, Any], object], dict[str, Any]]
LIMIT = 100
"""So many orders may be open before new ones are refused."""


def content(answer: dict[str, Any]) -> Any:
    kind = "json" if answer["statusCode"] < 400 else "problem+json"
    assert answer["headers"]["content-type"] == f"application/{kind}"
    return json.loads(answer["body"])
