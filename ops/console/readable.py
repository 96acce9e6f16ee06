"""Parts of a page that the operator may not be allowed to read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from botocore.exceptions import ClientError

from ops.dlq.redrive import is_denied

T = TypeVar("T")


@dataclass(slots=True)
class Reader:
    """Reads the parts of a page. If one part is denied, the others are still shown."""

    denied: list[str] = field(default_factory=list)
    """What AWS said of each part that may not be read."""

    def read(self, look: Callable[[], T]) -> T | None:
        """Return the result of ``look``; None if the operator lacks the permission."""
        try:
            return look()
        except ClientError as error:
            if not is_denied(error):
                raise
            self.denied.append(str(error))
            return None
