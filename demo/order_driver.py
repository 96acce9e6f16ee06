"""Sends an export's orders and cancellations to the API, a limited number at a time."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from sqlite3 import Connection
from typing import TypeVar

from demo.api_client import THREADS, ApiClient, ApiResponse
from demo.database import insert
from demo.export_rows import Rejection
from demo.order_book import NOT_ACCEPTED, record_rejection

T = TypeVar("T")
R = TypeVar("R")

MAX_IN_FLIGHT = 16
"""The most orders in flight at once.

AWS would add machines. On a laptop a few cores are shared by more and more functions that start at
the same time, until their time-outs end them.
"""
ENDED_PER_SLOT = 8
"""The limit begins at one order, and grows by one whenever this many orders have ended."""
STALL_TIMEOUT = 10.0
"""Seconds without any order ending after which one more order may be in flight."""


class InFlightLimiter:
    """Limits the number of orders in flight: one at first, while functions start, and more later.

    The next order is sent when another has ended. If an order does not end, its slot is freed after
    some time, so that the run goes on.
    """

    def __init__(
        self,
        ended: Callable[[], int],
        *,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ended` returns the number of orders that have ended so far."""
        self._ended = ended
        self._sleep = sleep
        self._clock = clock
        self._extra_slots = 0
        self._started = self._refused = 0
        self._lock = threading.Lock()

    def refused(self) -> None:
        """Free the slot of an order that the API did not accept."""
        with self._lock:
            self._refused += 1

    def wait(self) -> None:
        """Wait for a free slot, and take it."""
        since, before = self._clock(), -1
        while self._started - self._refused - (ended := self._ended()) >= self._slots(ended):
            if ended > before:
                since, before = self._clock(), ended
            elif self._clock() - since > STALL_TIMEOUT:
                self._extra_slots += 1
            self._sleep(0.02)
        self._started += 1

    def _slots(self, ended: int) -> int:
        return min(MAX_IN_FLIGHT, 1 + ended // ENDED_PER_SLOT) + self._extra_slots


@dataclass(frozen=True, slots=True)
class _Request:
    """A request to the API, to place or to cancel an order."""

    line: int
    customer: str
    country: str
    lines: str
    number: str
    """The invoice's number, or the cancellation's."""
    invoice: str | None
    """The number of the invoice to cancel; None to place an order."""
    placed: Future[str | None]
    """The id of the order that is placed or cancelled; None when the API did not accept it."""


def submit_orders(
    api: ApiClient,
    database: Connection,
    *,
    limiter: InFlightLimiter,
    stop: threading.Event,
    before_order: Callable[[int], None] = lambda _: None,
) -> Iterator[ApiResponse | None]:
    """Place and cancel orders in the sequence of the export; record and yield the responses.

    A cancellation is sent after the response to its order, perhaps while the saga is still running.
    If the order was not accepted, it is not sent, and None is yielded. `before_order` is called
    with each order's line in the export just before the order is sent.
    """
    placing: dict[str, Future[str | None]] = {}

    def requests() -> Iterator[_Request]:
        for line, customer, country, lines, number, invoice in database.execute(
            "SELECT line, customer, country, lines, number, NULL FROM invoices"
            " UNION ALL SELECT line, customer, '', '', number, invoice FROM cancellations"
            " ORDER BY line"
        ):
            if invoice is None:
                limiter.wait()
                before_order(line)
                placed = placing[number] = Future()
            else:
                placed = placing.get(invoice) or _accepted_order(database, invoice)
            yield _Request(line, customer, country, lines, number, invoice, placed)

    def send(request: _Request) -> tuple[_Request, ApiResponse | None]:
        if request.invoice:
            order_id = request.placed.result()
            return request, api.cancel(order_id, customer=request.customer) if order_id else None
        answer = ApiResponse(0, {})
        try:
            answer = api.place(
                customer=request.customer,
                key=request.number,
                country=request.country,
                lines=json.loads(request.lines),
            )
        finally:
            # Set even after an exception, or a cancellation would wait for ever.
            request.placed.set_result(answer.body.get("order_id") if answer.status == 202 else None)
        if request.placed.result() is None:
            limiter.refused()
        return request, answer

    for request, answer in map_in_threads(send, requests(), stop=stop):
        _record_response(database, request, answer)
        placing.pop(request.number, None)
        yield answer


def map_in_threads(
    work: Callable[[T], R], items: Iterable[T], *, stop: threading.Event
) -> Generator[R, None, None]:
    """Apply `work` to each item in a few threads; yield the results in the items' order.

    Only a few items are taken in advance. When the caller stops early, `stop` is set, so that
    waiting threads can give up.
    """
    waiting: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(THREADS)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            while waiting and (len(waiting) >= 2 * THREADS or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _accepted_order(database: Connection, invoice: str) -> Future[str | None]:
    row = database.execute("SELECT order_id FROM accepted WHERE invoice = ?", [invoice]).fetchone()
    placed: Future[str | None] = Future()
    placed.set_result(row[0] if row else None)
    return placed


def _record_response(database: Connection, request: _Request, answer: ApiResponse | None) -> None:
    order_id = request.placed.result()
    if order_id and request.invoice is None:
        insert(database, "accepted", [(order_id, request.number)])
        return
    if order_id and answer:
        state = answer.body.get("state") if answer.status in (200, 202) else None
        insert(database, "cancel_requests", [(order_id, state)])
        if state:
            return
    reason = _reason(answer) if answer else NOT_ACCEPTED
    detail = _detail(answer) if answer else ""
    record_rejection(
        database, Rejection(line=request.line, invoice=request.number, reason=reason, detail=detail)
    )


def _reason(answer: ApiResponse) -> str:
    return f"the API answered {answer.status}" if answer.status else "the API did not answer"


def _detail(answer: ApiResponse) -> str:
    problems = answer.body.get("errors") or ()
    named = [f"{problem['field']} {problem['problem']}" for problem in problems]
    return "; ".join(named) or str(answer.body.get("detail") or answer.body.get("message", ""))
