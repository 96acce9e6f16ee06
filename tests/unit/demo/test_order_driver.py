import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from demo import api_client, order_driver
from demo.export_rows import Rejection
from demo.snapshot import SCHEMA, insert
from tests.unit.demo.test_api_client import Server, api

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(order_driver.SCHEMA + SCHEMA)
    yield connection
    connection.close()


def test_the_same_skus_run_short_each_time_and_the_others_never():
    arrived = {
        f"{number}": order_driver.delivered_quantity(f"{number}", 10)
        for number in range(20_000, 25_000)
    }
    assert set(arrived.values()) == {5, 10}
    assert 0.01 < list(arrived.values()).count(5) / len(arrived) < 0.03
    assert arrived == {sku: order_driver.delivered_quantity(sku, 10) for sku in arrived}


def export(path: Path, *rows: str) -> Path:
    path.write_text(HEADER + "\n".join(rows))
    return path


def test_an_export_is_taken_in_with_its_demand(tmp_path: Path, database: sqlite3.Connection):
    rows = [
        "1,A1,x,2,2010-12-01,1.00,7,EIRE",
        "2,A1,x,3,2010-12-01,1.00,8,EIRE",
        "2,B2,x,1,2010-12-01,1.00,8,EIRE",
        "1,B2,x,9,2010-12-01,1.00,7,EIRE",
    ]
    assert order_driver.load_orders(export(tmp_path / "orders.csv", *rows), database) == 2
    assert dict(database.execute("SELECT * FROM demand")) == {"A1": 5, "B2": 1}
    assert database.execute("SELECT line, invoice, reason FROM refused").fetchall() == [
        (5, "1", "the invoice's rows do not stand together")
    ]


def test_answers_are_remembered(tmp_path: Path, database: sqlite3.Connection):
    rows = [f"{number},A1,x,2,2010-12-01,1.00,7,EIRE" for number in range(30)]
    order_driver.load_orders(export(tmp_path / "orders.csv", *rows), database)
    problems = [{"field": "lines", "problem": "must name at most 90 SKUs, not 92"}]
    client, _ = api(
        Server((400, {"message": "bad", "problems": problems}), (202, {"order_id": "o"}))
    )
    answers = list(
        order_driver.submit_orders(
            client,
            database,
            limiter=order_driver.InFlightLimiter(lambda: 30),
            stop=threading.Event(),
        )
    )
    assert sorted(answer.status for answer in answers if answer) == [202] * 29 + [400]
    ((reason, detail),) = database.execute("SELECT reason, detail FROM refused").fetchall()
    assert (reason, detail) == (
        "the API answered 400",
        "lines must name at most 90 SKUs, not 92",
    )
    assert database.execute("SELECT order_id FROM accepted").fetchall() == [("o",)]


WITHDRAWING = ((202, "WITHDRAWN"), (200, "CANCELLED"))
ORDERS = [
    "1,A1,x,2,2010-12-01,1.00,7,EIRE",
    "2,A1,x,2,2010-12-01,0.00,8,EIRE",
    "3,A1,x,3,2010-12-01,1.00,9,EIRE",
]


@pytest.mark.parametrize(
    ("cancellation", "reason"),
    [
        ("C9,A1,x,-2,2010-12-01,1.00,7,EIRE", "the invoice to be cancelled is unknown"),
        ("C2,A1,x,-2,2010-12-01,1.00,8,EIRE", "the invoice to be cancelled was not accepted"),
        ("C1,A1,x,-2,2010-12-01,1.00,8,EIRE", "the invoice to be cancelled is another customer's"),
        ("C3,A1,x,-3,2010-12-01,1.00,9,EIRE", "the invoice to be cancelled comes only later"),
    ],
)
def test_a_cancellation_without_its_order_is_reported_and_the_orders_flow(
    tmp_path: Path, database: sqlite3.Connection, cancellation: str, reason: str
):
    rows = [*ORDERS[:2], cancellation, ORDERS[2]]
    assert order_driver.load_orders(export(tmp_path / "orders.csv", *rows), database) == 2
    assert (4, cancellation[:2], reason, "") in database.execute("SELECT * FROM refused").fetchall()
    assert database.execute("SELECT * FROM cancellations").fetchall() == []


def test_a_cancellation_may_come_too_early_and_again_and_its_first_row_be_bad(
    tmp_path: Path, database: sqlite3.Connection
):
    cancellation = "C1,A1,x,-2,2010-12-01,1.00,7,EIRE"
    nobodys = "C1,A1,x,-2,2010-12-01,1.00,,EIRE"
    rows = [cancellation, ORDERS[0], nobodys, cancellation, ORDERS[2], cancellation]
    order_driver.load_orders(export(tmp_path / "orders.csv", *rows), database)
    assert database.execute("SELECT line, number FROM cancellations").fetchall() == [
        (4, "C1"),
        (7, "C1"),
    ]
    assert database.execute("SELECT line, reason FROM refused ORDER BY line").fetchall() == [
        (2, "the invoice to be cancelled comes only later"),
        (4, "no customer"),
    ]


def test_what_was_answered_first_counts(tmp_path: Path, database: sqlite3.Connection):
    cancellation = "C1,A1,x,-2,2010-12-01,1.00,7,EIRE"
    order_driver.load_orders(
        export(tmp_path / "orders.csv", ORDERS[0], cancellation, ORDERS[2], cancellation), database
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
    told = database.execute("SELECT * FROM asked_to_cancel").fetchall()
    assert told == [("o", "WITHDRAWN")]
    assert [one.url for one in server.requests if one.method == "DELETE"] == [
        "https://api/orders/o"
    ] * 2


def sent(path: Path, database: sqlite3.Connection, *rows: str, cancelling: Any) -> list[Any]:
    """Send an export to an API that takes a while to accept; return its requests."""

    def answer(request: Any) -> Any:
        if request.method == "DELETE":
            return cancelling
        key = request.headers["Idempotency-Key"]
        threading.Event().wait(0.05)
        return (202, {"order_id": f"order-{key}"}) if key != "3" else (400, {"message": "no"})

    server = Server(answer)
    order_driver.load_orders(export(path / "orders.csv", *rows), database)
    limiter = order_driver.InFlightLimiter(lambda: len(rows))
    list(
        order_driver.submit_orders(
            api(server)[0], database, limiter=limiter, stop=threading.Event()
        )
    )
    return server.requests


@pytest.mark.parametrize("apart", [0, 1, 20])
def test_an_order_is_cancelled_by_its_customer_where_the_export_says_so(
    tmp_path: Path, database: sqlite3.Connection, apart: int
):
    between = [f"{number},A1,x,2,2010-12-01,1.00,5,EIRE" for number in range(100, 100 + apart)]
    rows = [ORDERS[0], *between, "C1,A1,x,-2,2010-12-01,1.00,7,EIRE"]
    requests = sent(tmp_path, database, *rows, cancelling=(202, {"state": "WITHDRAWN"}))
    (delete,) = (request for request in requests if request.method == "DELETE")
    assert delete.url == "https://api/orders/order-1"
    assert delete.body is None
    told = database.execute("SELECT order_id, told FROM asked_to_cancel").fetchall()
    assert told == [("order-1", "WITHDRAWN")]
    assert database.execute("SELECT count(*) FROM accepted").fetchone() == (apart + 1,)
    assert database.execute("SELECT * FROM refused").fetchall() == []


def test_an_order_that_the_api_refused_is_not_cancelled(
    tmp_path: Path, database: sqlite3.Connection
):
    rows = [ORDERS[2], "C3,A1,x,-2,2010-12-01,1.00,9,EIRE"]
    requests = sent(tmp_path, database, *rows, cancelling=(500, {}))
    assert [request.method for request in requests] == ["POST"]
    assert database.execute("SELECT line, invoice, reason FROM refused").fetchall() == [
        (2, "3", "the API answered 400"),
        (3, "C3", "the invoice to be cancelled was not accepted"),
    ]
    assert database.execute("SELECT * FROM asked_to_cancel").fetchall() == []


def test_a_cancellation_that_comes_too_late_is_reported(
    tmp_path: Path, database: sqlite3.Connection
):
    rows = [ORDERS[0], "C1,A1,x,-2,2010-12-01,1.00,7,EIRE"]
    sent(tmp_path, database, *rows, cancelling=(409, {"message": "on its way"}))
    assert database.execute("SELECT * FROM refused").fetchall() == [
        (3, "C1", "the API answered 409", "on its way")
    ]
    told = database.execute("SELECT * FROM asked_to_cancel").fetchall()
    assert told == [("order-1", None)]


def test_a_cancellation_waits_for_no_place(tmp_path: Path, database: sqlite3.Connection):
    rows = [ORDERS[0], "C1,A1,x,-2,2010-12-01,1.00,7,EIRE"]
    order_driver.load_orders(export(tmp_path / "orders.csv", *rows), database)
    time = Time()
    limiter = order_driver.InFlightLimiter(time.ended, sleep=time.sleep, clock=lambda: time.now)
    client, _ = api(Server((202, {"order_id": "o", "state": "PLACED"})))
    list(order_driver.submit_orders(client, database, limiter=limiter, stop=threading.Event()))
    assert time.now == 0.0
    assert database.execute("SELECT * FROM asked_to_cancel").fetchall() == [("o", "PLACED")]


def test_work_in_threads_keeps_its_order_and_looks_only_a_little_ahead():
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


def test_threads_are_told_when_their_results_are_no_longer_wanted():
    stop = threading.Event()
    results = order_driver.map_in_threads(lambda number: number, range(100), stop=stop)
    next(results)
    assert not stop.is_set()
    results.close()
    assert stop.is_set()


def test_a_delivery_holds_no_more_skus_than_one_transaction(database: sqlite3.Connection):
    sent: list[dict[str, Any]] = []

    def invoke(*, FunctionName: str, Payload: str):  # noqa: N803
        sent.append(json.loads(Payload))
        return {}

    cloud: Any = SimpleNamespace(client=lambda _: SimpleNamespace(invoke=invoke))
    demand = [(f"{number:05}", 4) for number in range(200)] + [("none-left", 0)]
    insert(database, "demand", demand)
    skus, units = order_driver.deliver_stock(cloud, "receive", database)
    assert [len(delivery["lines"]) for delivery in sent] == [90, 90, 20]
    assert len({delivery["delivery_id"] for delivery in sent}) == 3
    assert skus == 200
    assert units == sum(line["quantity"] for delivery in sent for line in delivery["lines"])
    assert all(line["quantity"] > 0 for delivery in sent for line in delivery["lines"])


def test_a_delivery_that_is_not_received_is_an_error(database: sqlite3.Connection):
    payload = SimpleNamespace(read=lambda: b"no such table")
    failed = {"FunctionError": "Unhandled", "Payload": payload}
    cloud: Any = SimpleNamespace(client=lambda _: SimpleNamespace(invoke=lambda **_: failed))
    insert(database, "demand", [("A1", 4)])
    with pytest.raises(
        order_driver.OrderDriverError, match=r"delivery-1 was not received.*no such table"
    ):
        order_driver.deliver_stock(cloud, "receive", database)


def test_a_refusal_is_remembered_as_it_is(database: sqlite3.Connection):
    order_driver.record_rejection(
        database, Rejection(line=3, invoice="1", reason="no customer", detail="x")
    )
    assert database.execute("SELECT * FROM refused").fetchall() == [(3, "1", "no customer", "x")]


class Time:
    """Passes only when somebody sleeps; orders end at the times given."""

    def __init__(self, *ends: float) -> None:
        self.now = 0.0
        self.ends = ends

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def ended(self) -> int:
        return sum(end <= self.now for end in self.ends)


def begun(time: Time, orders: int) -> list[float]:
    """When each of so many orders is sent."""
    limiter = order_driver.InFlightLimiter(time.ended, sleep=time.sleep, clock=lambda: time.now)
    moments = []
    for _ in range(orders):
        limiter.wait()
        moments.append(time.now)
    return moments


def test_the_shop_begins_with_one_order_and_never_has_more_under_way_than_places():
    ends = [float(second) for second in range(1, 400)]
    moments = begun(Time(*ends), 300)
    under_way = [
        sum(sent <= moment for sent in moments[: i + 1]) - sum(end <= moment for end in ends)
        for i, moment in enumerate(moments)
    ]
    assert set(under_way[: order_driver.ENDED_PER_SLOT]) == {1}
    assert max(under_way) == order_driver.MAX_IN_FLIGHT
    assert moments[-1] == pytest.approx(300 - order_driver.MAX_IN_FLIGHT, abs=0.1)


def test_an_order_that_never_ends_does_not_stop_the_shop():
    assert begun(Time(), 2) == pytest.approx([0.0, order_driver.STALL_TIMEOUT], abs=0.1)


def test_an_order_that_is_not_accepted_takes_no_place():
    time = Time()
    limiter = order_driver.InFlightLimiter(time.ended, sleep=time.sleep, clock=lambda: time.now)
    for _ in range(20):
        limiter.wait()
        limiter.refused()
    assert time.now == 0.0
