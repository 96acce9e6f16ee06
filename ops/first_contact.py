"""Ends retries early if AWS cannot be reached at all."""

from typing import Any


class FirstContact:
    """Prevents retries of connection errors until a first call has got an answer.

    Without a network, or with a wrong endpoint, every retry fails like the first attempt, and ten
    of them take minutes. Once AWS has answered, a lost connection is retried as usual.
    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/events.html
    """

    def __init__(self) -> None:
        self._made = False

    def watch(self, session: Any) -> None:
        """Apply to all clients that this boto3 session makes from now on."""
        session.events.register_first("needs-retry", self)

    def __call__(
        self, response: Any = None, caught_exception: Exception | None = None, **_: Any
    ) -> None:
        """Handle botocore's event ``needs-retry``, which comes after each attempt."""
        if response is not None:
            self._made = True
        elif caught_exception is not None and not self._made:
            raise caught_exception
