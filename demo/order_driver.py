"""A shop that lives on an export: stocks its shelves, and sends its customers' orders.

All that has to be remembered is in an SQLite database, so an export may be of any size.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from sqlite3 import Connection
from typing import TypeVar

from demo.api_client import THREADS, ApiClient, ApiResponse
from demo.export_rows import Rejection
from demo.exports import Cancellation, Invoice, read
from demo.snapshot import insert
from emulator.cloud import Cloud
from lambdas.contracts.values import MAX_SKUS

T = TypeVar("T")
R = TypeVar("R")

MAX_IN_FLIGHT, ENDED_PER_SLOT = 16, 8
"""The most orders that are under way at once; it begins with one, and grows by one with each so
many that have ended. Where AWS adds machines, the few cores of a laptop would be shared by ever
more functions that all start at once, until each of them is cut off by its time-out.
"""
STALL_TIMEOUT = 10.0
"""Seconds without any order ending, after which the shop goes on with one order more under way."""
SHORT_ONE_IN = 50
"""Of one SKU in so many, only half of what is asked for arrives: some orders must run out."""
NOT_ACCEPTED = "the invoice to be cancelled was not accepted"

SCHEMA = f"""
CREATE TABLE invoices (
    line INTEGER PRIMARY KEY, number TEXT UNIQUE, customer TEXT, country TEXT, lines TEXT
);
CREATE TABLE cancellations (
    line INTEGER PRIMARY KEY, number TEXT, customer TEXT, invoice TEXT
);
CREATE TABLE demand (sku TEXT PRIMARY KEY, quantity INT);
CREATE TABLE refused (line INT, invoice TEXT, reason TEXT, detail TEXT);
CREATE INDEX refused_by_invoice ON refused (invoice);
CREATE VIEW idle_cancellations AS SELECT * FROM (
    SELECT c.line, c.number, CASE
        WHEN o.number IS NULL AND c.invoice IN (SELECT invoice FROM refused)
            THEN '{NOT_ACCEPTED}'
        WHEN o.number IS NULL THEN 'the invoice to be cancelled is unknown'
        WHEN o.line > c.line THEN 'the invoice to be cancelled comes only later'
        WHEN o.customer <> c.customer THEN 'the invoice to be cancelled is another customer''s'
        END AS reason
    FROM cancellations c LEFT JOIN invoices o ON o.number = c.invoice
) WHERE reason IS NOT NULL;
"""  # noqa: S608


class OrderDriverError(Exception):
    """The shop cannot be run; the message says why."""


def load_orders(path: Path, database: Connection) -> int:
    """Read the export into the database; return how many orders it holds.

    A cancellation has to stand after its invoice: what was not ordered yet cannot be cancelled, so
    one that precedes it is refused and the order is placed all the same. It may come twice.

    Raises:
        ExportError: it is not an export.
    """
    orders = 0
    with database:
        for found in read(path):
            if isinstance(found, Rejection):
                record_rejection(database, found)
            elif isinstance(found, Cancellation):
                database.execute(
                    "INSERT INTO cancellations VALUES (:line, :number, :customer, :invoice)",
                    asdict(found),
                )
            elif _known(database, found.number):
                record_rejection(
                    database,
                    Rejection(
                        line=found.line,
                        invoice=found.number,
                        reason="the invoice's rows do not stand together",
                    ),
                )
            else:
                _remember(database, found)
                orders += 1
        _refuse_idle_cancellations(database)
    return orders


def record_rejection(database: Connection, what: Rejection) -> None:
    """Remember what was not carried out, and why."""
    database.execute("INSERT INTO refused VALUES (:line, :invoice, :reason, :detail)", asdict(what))


def _known(database: Connection, number: str) -> bool:
    found = database.execute("SELECT 1 FROM invoices WHERE number = ?", [number])
    return found.fetchone() is not None


def _refuse_idle_cancellations(database: Connection) -> None:
    """Refuse those that have no order to cancel: only now are all invoices known."""
    database.execute("INSERT INTO refused SELECT line, number, reason, '' FROM idle_cancellations")
    database.execute(
        "DELETE FROM cancellations WHERE line IN (SELECT line FROM idle_cancellations)"
    )


def _remember(database: Connection, invoice: Invoice) -> None:
    lines = [asdict(line) for line in invoice.lines]
    database.execute(
        "INSERT INTO invoices VALUES (?, ?, ?, ?, ?)",
        [invoice.line, invoice.number, invoice.customer, invoice.country, json.dumps(lines)],
    )
    database.executemany(
        "INSERT INTO demand VALUES (:sku, :quantity)"
        " ON CONFLICT DO UPDATE SET quantity = quantity + excluded.quantity",
        lines,
    )


def delivered_quantity(sku: str, demand: int) -> int:
    """How many units of a SKU are delivered when so many are asked for.

    All of them, but only half for one SKU in `SHORT_ONE_IN`. Which one is decided by
    a hash of its name, so that the same export always runs out of the same things.
    """
    short = int.from_bytes(sha256(sku.encode()).digest()[:4]) % SHORT_ONE_IN == 0
    return demand // 2 if short else demand


def deliver_stock(
    cloud: Cloud, function: str, database: Connection, *, name: str = "delivery"
) -> tuple[int, int]:
    """Have everything delivered that the orders ask for, or nearly; return (SKUs, units).

    ``name`` tells its deliveries from those of another time: each is received only once.
    """
    lambda_ = cloud.client("lambda")
    demand = database.execute("SELECT sku, quantity FROM demand ORDER BY sku")
    lines = (
        {"sku": sku, "quantity": quantity}
        for sku, asked in demand
        if (quantity := delivered_quantity(sku, asked)) > 0
    )
    skus = units = number = 0
    while delivery := list(islice(lines, MAX_SKUS)):
        number += 1
        payload = json.dumps({"delivery_id": f"{name}-{number}", "lines": delivery})
        answer = lambda_.invoke(FunctionName=function, Payload=payload)
        if "FunctionError" in answer:
            raise OrderDriverError(
                f"{name}-{number} was not received: {answer['Payload'].read()!r}"
            )
        skus += len(delivery)
        units += sum(line["quantity"] for line in delivery)
    return skus, units


class InFlightLimiter:
    """Keeps few orders under way: one at first, while functions start, and more later.

    The next is sent when another has ended. One that does not end gives its place up after a while,
    or the shop would stand still.
    """

    def __init__(
        self,
        ended: Callable[[], int],
        *,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``ended`` counts the orders that have ended so far."""
        self._ended = ended
        self._sleep = sleep
        self._clock = clock
        self._extra = 0
        self._begun = self._refused = 0
        self._lock = threading.Lock()

    def refused(self) -> None:
        """An order was not accepted: it is not under way."""
        with self._lock:
            self._refused += 1

    def wait(self) -> None:
        """Return when there is a place for another order, which then has it."""
        since, before = self._clock(), -1
        while self._begun - self._refused - (ended := self._ended()) >= self._places(ended):
            if ended > before:
                since, before = self._clock(), ended
            elif self._clock() - since > STALL_TIMEOUT:
                self._extra += 1
            self._sleep(0.02)
        self._begun += 1

    def _places(self, ended: int) -> int:
        return min(MAX_IN_FLIGHT, 1 + ended // ENDED_PER_SLOT) + self._extra


@dataclass(frozen=True, slots=True)
class _Request:
    """One thing that the shop does: place an order, or cancel the one of ``invoice``.

    ``placed`` is to hold the order's id, or None when it was not accepted.
    """

    line: int
    customer: str
    country: str
    lines: str
    number: str
    invoice: str | None
    placed: Future[str | None]


def submit_orders(
    api: ApiClient, database: Connection, *, limiter: InFlightLimiter, stop: threading.Event
) -> Iterator[ApiResponse | None]:
    """Place and cancel in the order of the export, and remember the answers, which are returned.

    A cancellation waits for the answer to its order, not for the order's end: when it comes soon
    after its order in the file, it may overtake the saga. None is the answer to one that was not
    sent, because its order was not accepted.
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
                placed = placing[number] = Future()
            else:
                placed = placing.get(invoice) or _placed(database, invoice)
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
            # Whatever happens, nobody shall wait for it in vain.
            request.placed.set_result(answer.body.get("order_id") if answer.status == 202 else None)
        if request.placed.result() is None:
            limiter.refused()
        return request, answer

    for request, answer in map_in_threads(send, requests(), stop=stop):
        _remember_answer(database, request, answer)
        placing.pop(request.number, None)
        yield answer


def _placed(database: Connection, invoice: str) -> Future[str | None]:
    row = database.execute("SELECT order_id FROM accepted WHERE invoice = ?", [invoice]).fetchone()
    placed: Future[str | None] = Future()
    placed.set_result(row[0] if row else None)
    return placed


def _remember_answer(database: Connection, request: _Request, answer: ApiResponse | None) -> None:
    order_id = request.placed.result()
    if order_id and request.invoice is None:
        insert(database, "accepted", [(order_id, request.number)])
        return
    if order_id and answer:
        told = answer.body.get("state") if answer.status in (200, 202) else None
        insert(database, "asked_to_cancel", [(order_id, told)])
        if told:
            return
    reason = _reason(answer) if answer else NOT_ACCEPTED
    detail = _detail(answer) if answer else ""
    record_rejection(
        database, Rejection(line=request.line, invoice=request.number, reason=reason, detail=detail)
    )


def _reason(answer: ApiResponse) -> str:
    return f"the API answered {answer.status}" if answer.status else "the API did not answer"


def _detail(answer: ApiResponse) -> str:
    problems = answer.body.get("problems") or ()
    named = [f"{problem['field']} {problem['problem']}" for problem in problems]
    return "; ".join(named) or str(answer.body.get("message", ""))


def map_in_threads(
    work: Callable[[T], R], items: Iterable[T], *, stop: threading.Event
) -> Generator[R, None, None]:
    """Do the work on each item in a few threads, a few items ahead; results in their order.

    When it is left early, ``stop`` is set, so that threads that wait may give up.
    """
    waiting: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(THREADS)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= 2 * THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
