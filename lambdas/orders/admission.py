"""Admission: new orders are refused while too many accepted orders wait to be processed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

READ_EVERY = timedelta(seconds=5)
"""How long a count is kept in the function's memory. A job writes one every minute."""
FORGOTTEN_AFTER = timedelta(minutes=5)
"""How old a count may be: if the job that counts is broken, orders are accepted."""
RETRY_AFTER = 60
"""When a refused customer may ask again, in seconds: the next count is there by then."""


class TooManyOpenOrdersError(Exception):
    """No new order is accepted now. The message says why: too many are open, or being placed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """The number of open orders: accepted, and not yet confirmed, rejected or cancelled."""

    orders: int
    counted_at: datetime


class Admission:
    """Refuses new orders while the backlog is above a limit.

    Reads the count every ``READ_EVERY``.
    """

    def __init__(self, read: Callable[[], Backlog | None], *, limit: int) -> None:
        """``read`` returns the last count. Above ``limit`` open orders, new orders are refused."""
        self._read = read
        self._limit = limit
        self._backlog: Backlog | None = None
        self._read_at: datetime | None = None

    def check(self, now: datetime) -> None:
        """Do nothing if new orders are accepted. Without a recent count, they are always accepted.

        A count is recent for ``FORGOTTEN_AFTER``.

        Raises:
            TooManyOpenOrdersError: the backlog is above the limit.
        """
        if self._read_at is None or now - self._read_at >= READ_EVERY:
            self._backlog, self._read_at = self._read(), now
        backlog = self._backlog
        if (
            backlog is not None
            and backlog.orders > self._limit
            and now - backlog.counted_at < FORGOTTEN_AFTER
        ):
            raise TooManyOpenOrdersError("too many orders are waiting: try again in a minute")
