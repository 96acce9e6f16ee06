"""Ends retries early if AWS cannot be reached, or if something else answers."""

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

MAX_SILENCE = 15
"""Seconds without any answer after which a lost connection is no longer retried."""
MAX_FIRST_FAILURES = 3
"""Seconds for which errors of the server (5xx) are retried before a first other answer."""


class FirstContact:
    """Prevents retries of connection errors before a first answer, and long after the last one.

    Without a network, or with a wrong endpoint, every retry fails like the first attempt, and ten
    of them take minutes. Once AWS has answered, a lost connection is retried as usual for some
    seconds. An error of the server is no answer, but something is there: it is retried at first,
    too.
    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/events.html
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = float("-inf")
        """When retries end; infinite while AWS answers."""

    def watch(self, session: Any) -> None:
        """Apply to all clients that this boto3 session makes from now on."""
        session.events.register_first("needs-retry", self)
        session.events.register("before-parse", refuse_page)

    def __call__(
        self,
        response: tuple[Any, Any] | None = None,
        caught_exception: Exception | None = None,
        operation: Any = None,
        **_: Any,
    ) -> None:
        """Handle botocore's event ``needs-retry``, which comes after each attempt."""
        now, error = self._clock(), caught_exception
        if response is not None:
            _, parsed = response
            if parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", 200) < 500:
                self._until = float("inf")
                return
            error = ClientError(parsed, operation.name)
            if self._until == float("-inf"):
                self._until = now + MAX_FIRST_FAILURES
        if error is not None:
            self._until = min(self._until, now + MAX_SILENCE)
            if now >= self._until:
                raise error


def refuse_page(operation_model: Any, response_dict: Any, **_: Any) -> None:
    """Raise a ResponseParserError if a proxy answers with a page for people, in place of AWS.

    Where a page can be parsed as XML or JSON, botocore finds none of what it looks for. This
    handles its event ``before-parse``. An object of a bucket may be a page.
    """
    is_page = response_dict["headers"].get("content-type", "").startswith("text/html")
    is_answer = response_dict["status_code"] < 300 and not operation_model.has_streaming_output
    if is_page and is_answer:
        raise ResponseParserError(f"it sends a page: {response_dict['body']!r}")
