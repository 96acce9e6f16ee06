import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo import api_client, order_driver
from demo.order_book import load_orders
from tests.support.exports import ORDERS, write_export
from tests.unit.demo.test_api_client import Server, api


def test_responses_are_recorded(tmp_path: Path, database: sqlite3.Connection):
    rows = [f"{number},A1,x,2,2010-12-01,1.00,7,EIRE" for number in range(30)]
    load_orders(write_export(tmp_path / "orders.csv", *rows), database)
    problems = [{"field": "lines", "problem": "must name at most 90 SKUs, not 92"}]
    client, _ = api(Server((400, {"detail": "bad", "errors": problems}), (202, {"order_id": "o"})))
    answers = list(
        order_driver.submit_orders(
            client,
            database,
            limiter=order_driver.InFlightLimiter(lambda: 30),
            stop=threading.Event(),
        )
    )
    assert sorted(answer.status for answer in answers if answer) == [202] * 29 + [400]
    ((reason, detail),) = database.execute("SELECT reason, detail FROM rejections").fetchall()
    assert (reason, detail) == (
        "the API answered 400",
        "lines must name at most 90 SKUs, not 92",
    )
    assert database.execute("SELECT order_id FROM accepted").fetchall() == [("o",)]


WITHDRAWING = ((202, "WITHDRAWN"), (200, "CANCELLED"))


def test_first_response_to_a_repeated_cancellation_counts(
    tmp_path: Path, database: sqlite3.Connection
):
    cancellation = "C1,A1,x,-2,2010-12-01,1.00,7,EIRE"
    load_orders(
        write_export(tmp_path / "orders.csv", ORDERS[0], cancellation, ORDERS[2], cancellation),
        database,
    )
    withdrawn, cancelled = ((status, {"state": s}) for status, s in WITHDRAWING)
    server = Server((202, {"order_id": "o"}), withdrawn, (202, {"order_id": "p"}), cancelled)
    limiter = order_driver.InFlightLimiter(lambda: 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order_driver, "THREADS", 1)
        list(
            order_driver.submit_orders(
                api(server)[0], database, limiter=limiter, stop=threading.Event()
            )
        )
    recorded = database.execute("SELECT * FROM cancel_requests").fetchall()
    assert recorded == [("o", "WITHDRAWN")]
    assert [one.url for one in server.requests if one.method == "DELETE"] == [
        "https://api/orders/o"
    ] * 2


def sent(path: Path, database: sqlite3.Connection, *rows: str, cancelling: Any) -> list[Any]:
    """Send an export to an API that is slow to accept orders; return the requests."""

    def answer(request: Any) -> Any:
        if request.method == "DELETE":
            return cancelling
        key = request.headers["Idempotency-Key"]
        threading.Event().wait(0.05)
        return (202, {"order_id": f"order-{key}"}) if key != "3" else (400, {"detail": "no"})

    server = Server(answer)
    load_orders(write_export(path / "orders.csv", *rows), database)
    limiter = order_driver.InFlightLimiter(lambda: len(rows))
    list(
        order_driver.submit_orders(
            api(server)[0], database, limiter=limiter, stop=threading.Event()
        )
    )
    return server.requests


@pytest.mark.parametrize("apart", [0, 1, 20])
def test_order_is_cancelled_where_the_export_cancels_it(
    tmp_path: Path, database: sqlite3.Connection, apart: int
):
    between = [f"{number},A1,x,2,2010-12-01,1.00,5,EIRE" for number in range(100, 100 + apart)]
    rows = [ORDERS[0], *between, "C1,A1,x,-2,2010-12-01,1.00,7,EIRE"]
    requests = sent(tmp_path, database, *rows, cancelling=(202, {"state": "WITHDRAWN"}))
    (delete,) = (request for request in requests if request.method == "DELETE")
    assert delete.url == "https://api/orders/order-1"
    assert delete.body is None
    recorded = database.execute("SELECT order_id, answered_state FROM cancel_requests").fetchall()
    assert recorded == [("order-1", "WITHDRAWN")]
    assert database.execute("SELECT count(*) FROM accepted").fetchone() == (apart + 1,)
    assert database.execute("SELECT * FROM rejections").fetchall() == []


def test_order_that_the_api_refused_is_not_cancelled(tmp_path: Path, database: sqlite3.Connection):
    rows = [ORDERS[2], "C3,A1,x,-2,2010-12-01,1.00,9,EIRE"]
    requests = sent(tmp_path, database, *rows, cancelling=(500, {}))
    assert [request.method for request in requests] == ["POST"]
    assert database.execute("SELECT line, invoice, reason FROM rejections").fetchall() == [
        (2, "3", "the API answered 400"),
        (3, "C3", "the invoice to be cancelled was not accepted"),
    ]
    assert database.execute("SELECT * FROM cancel_requests").fetchall() == []


def test_cancellation_refused_by_the_api_is_rejected(tmp_path: Path, database: sqlite3.Connection):
    rows = [ORDERS[0], "C1,A1,x,-2,2010-12-01,1.00,7,EIRE"]
    sent(tmp_path, database, *rows, cancelling=(409, {"detail": "on its way"}))
    assert database.execute("SELECT * FROM rejections").fetchall() == [
        (3, "C1", "the API answered 409", "on its way")
    ]
    recorded = database.execute("SELECT * FROM cancel_requests").fetchall()
    assert recorded == [("order-1", None)]


def test_cancellation_takes_no_slot(tmp_path: Path, database: sqlite3.Connection):
    rows = [ORDERS[0], "C1,A1,x,-2,2010-12-01,1.00,7,EIRE"]
    load_orders(write_export(tmp_path / "orders.csv", *rows), database)
    time = Time()
    limiter = order_driver.InFlightLimiter(time.ended, sleep=time.sleep, clock=lambda: time.now)
    client, _ = api(Server((202, {"order_id": "o", "state": "PLACED"})))
    list(order_driver.submit_orders(client, database, limiter=limiter, stop=threading.Event()))
    assert time.now == 0.0
    assert database.execute("SELECT * FROM cancel_requests").fetchall() == [("o", "PLACED")]


def test_map_in_threads_keeps_the_order_and_takes_few_items_ahead():
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = order_driver.map_in_threads(
        lambda number: number * 2, items(), stop=threading.Event()
    )
    assert next(results) == 0
    assert len(taken) <= 2 * api_client.THREADS
    assert list(results) == [number * 2 for number in range(1, 100)]


def test_map_in_threads_sets_stop_when_closed_early():
    stop = threading.Event()
    results = order_driver.map_in_threads(lambda number: number, range(100), stop=stop)
    next(results)
    assert not stop.is_set()
    results.close()
    assert stop.is_set()


class Time:
    """A clock that advances only in `sleep`; orders end at the times given."""

    def __init__(self, *ends: float) -> None:
        self.now = 0.0
        self.ends = ends

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def ended(self) -> int:
        return sum(end <= self.now for end in self.ends)


def start_times(time: Time, orders: int) -> list[float]:
    """Return when each order is sent."""
    limiter = order_driver.InFlightLimiter(time.ended, sleep=time.sleep, clock=lambda: time.now)
    moments = []
    for _ in range(orders):
        limiter.wait()
        moments.append(time.now)
    return moments


def test_limiter_begins_with_one_order_and_never_exceeds_the_slots():
    ends = [float(second) for second in range(1, 400)]
    moments = start_times(Time(*ends), 300)
    in_flight = [
        sum(sent <= moment for sent in moments[: i + 1]) - sum(end <= moment for end in ends)
        for i, moment in enumerate(moments)
    ]
    assert set(in_flight[: order_driver.ENDED_PER_SLOT]) == {1}
    assert max(in_flight) == order_driver.MAX_IN_FLIGHT
    assert moments[-1] == pytest.approx(300 - order_driver.MAX_IN_FLIGHT, abs=0.1)


def test_order_that_never_ends_loses_its_slot():
    assert start_times(Time(), 2) == pytest.approx([0.0, order_driver.STALL_TIMEOUT], abs=0.1)


def test_refused_order_frees_its_slot():
    time = Time()
    limiter = order_driver.InFlightLimiter(time.ended, sleep=time.sleep, clock=lambda: time.now)
    for _ in range(20):
        limiter.wait()
        limiter.refused()
    assert time.now == 0.0


def test_first_result_does_not_wait_for_later_items():
    pulled: list[int] = []
    worked = threading.Event()

    def items() -> Iterator[int]:
        for item in range(100):
            pulled.append(item)
            yield item
            worked.wait(5)

    results = order_driver.map_in_threads(lambda _: worked.set(), items(), stop=threading.Event())
    next(results)
    assert len(pulled) <= api_client.THREADS
    results.close()


def test_each_line_is_known_before_its_order_is_sent(tmp_path: Path, database: sqlite3.Connection):
    load_orders(write_export(tmp_path / "orders.csv", ORDERS[0], ORDERS[2]), database)
    server = Server((202, {"order_id": "o"}))
    lines: list[tuple[int, int]] = []
    list(
        order_driver.submit_orders(
            api(server)[0],
            database,
            limiter=order_driver.InFlightLimiter(lambda: len(server.requests)),
            stop=threading.Event(),
            before_order=lambda line: lines.append((line, len(server.requests))),
        )
    )
    assert lines == [(2, 0), (3, 1)]
