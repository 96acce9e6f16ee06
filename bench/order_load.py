"""Orders that a benchmark sends to the HTTP API at a steady rate; what it prepares for them."""

import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from aws_cdk import App
from httptools import HttpParserError, HttpResponseParser

from app import compose
from demo import api_client
from demo.offers import put_prices_on_offer
from emulator.cloud import Cloud
from emulator.deploy import deploy
from stacks.environments import Environment

SKUS = 500
PRICE = 250
CUSTOMERS = 50
SENDER_THREADS, MAX_THREADS = 24, 200


@dataclass(frozen=True, slots=True)
class SentOrder:
    """A request that was sent: its status, its delay, and the time to the response."""

    order_id: str
    status: int
    """The response's status; 0 if there was none."""
    late: float
    took: float


def deploy_order_path(cloud: Cloud, env: Environment) -> dict[str, str]:
    """Deploy what orders pass until they are confirmed; return the stacks' outputs."""
    with TemporaryDirectory() as folder:
        context = json.loads(Path("cdk.json").read_text())["context"]
        app = App(context=context, outdir=folder, analytics_reporting=False)
        compose(app, env)
        app.synth()
        outputs: dict[str, str] = {}
        for stack in map(env.stack_name, ("Orders", "Catalog")):
            outputs |= deploy(cloud, assembly=Path(folder), stack=stack, progress=lambda _: None)
    return outputs


def prepare(cloud: Cloud, outputs: Mapping[str, str]) -> api_client.Customers:
    """Deliver stock, put it on offer, and sign customers up; return these."""
    functions = cloud.client("lambda")
    for start in range(0, SKUS, 50):
        lines = [{"sku": f"SKU-{n}", "quantity": 1_000_000} for n in range(start, start + 50)]
        functions.invoke(
            FunctionName=outputs["ReceiveStockFunction"],
            Payload=json.dumps({"delivery_id": f"bench-{start}", "lines": lines}),
        )
    put_prices_on_offer(cloud, outputs, [f"SKU-{n}" for n in range(SKUS)], PRICE)
    customers = api_client.create_customers(cloud, outputs)
    for n in range(CUSTOMERS):
        customers.sign_up(f"customer-{n}")
        customers.token(f"customer-{n}")
    return customers


class Connection:
    """A connection to the API for one thread.

    Sender and platform share the machine's cores, and a burst is mostly refused. So a request costs
    little here: a client that reads an answer's headers itself takes four times as much.
    """

    def __init__(self, host: str, port: int, *, trust: ssl.SSLContext) -> None:
        plain = socket.create_connection((host, port), timeout=30)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = trust.wrap_socket(plain, server_hostname=host)
        self._host = f"{host}:{port}"

    def post(self, path: str, body: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Send a request; return its answer's status and body.

        Raises:
            OSError: The connection was closed, or there was no answer in time.
            HttpParserError: The answer is no HTTP.
        """
        content = body.encode()
        all_headers = {"Host": self._host, "Content-Length": str(len(content)), **headers}
        lines = [f"POST {path} HTTP/1.1", *(f"{k}: {v}" for k, v in all_headers.items()), "", ""]
        self._socket.sendall("\r\n".join(lines).encode() + content)
        answer = _Answer()
        parser = HttpResponseParser(answer)
        while not answer.whole:
            received = self._socket.recv(65_536)
            if not received:
                raise ConnectionError("the connection was closed before the answer")
            parser.feed_data(received)
        return parser.get_status_code(), answer.body


class _Answer:
    """What the parser has found of an answer."""

    def __init__(self) -> None:
        self.body, self.whole = b"", False

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.whole = True


class Sender:
    """Sends orders. The n-th order is the same in each run, and is no duplicate of another."""

    def __init__(
        self,
        cloud: Cloud,
        outputs: Mapping[str, str],
        customers: api_client.Customers,
    ) -> None:
        self._url = urlsplit(f"{outputs['ApiUrl']}/orders")
        self._trust = ssl.create_default_context(cafile=cloud.certificate)
        self._customers = customers
        self._run = count()
        self._of_thread = threading.local()

    def __call__(self, late: float) -> SentOrder:
        """Send the next order, ``late`` seconds after its time."""
        n = next(self._run)
        lines = [
            {"sku": f"SKU-{(n * 7 + k) % SKUS}", "quantity": k + 1 + n // SKUS, "unit_price": PRICE}
            for k in range(1 + n % 4)
        ]
        body = {"currency": "GBP", "country": "United Kingdom", "lines": lines}
        token = self._customers.token(f"customer-{n % CUSTOMERS}")
        began = time.monotonic()
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"bench-{n}",
        }
        try:
            status, content = self._connection().post(self._url.path, json.dumps(body), headers)
        except (OSError, HttpParserError) as error:
            self._of_thread.__dict__.pop("connection", None)
            sys.stderr.write(f"order {n}: {error!r}\n")
            return SentOrder("", 0, late, time.monotonic() - began)
        took = time.monotonic() - began
        order_id = json.loads(content).get("order_id", "") if status == 202 else ""
        return SentOrder(order_id, status, late, took)

    def _connection(self) -> Connection:
        """Return this thread's connection; there is a new one after an error."""
        if not hasattr(self._of_thread, "connection"):
            self._of_thread.connection = Connection(
                str(self._url.hostname), self._url.port or 443, trust=self._trust
            )
        connection: Connection = self._of_thread.connection
        return connection


def send_all(
    send: Sender,
    *,
    count: int,
    rate: float,
    threads: int = SENDER_THREADS,
    in_time: bool = False,
) -> tuple[list[SentOrder], float]:
    """Send orders at their times; return the requests and the total seconds.

    Orders are sent late while all ``threads`` wait for responses. With ``in_time``,
    those that would be sent after the last one's time are not sent.
    """
    began = time.monotonic()
    turns = iter(range(count))
    lock = threading.Lock()

    def work() -> Iterator[SentOrder]:
        while True:
            with lock:
                turn = next(turns, None)
            if turn is None:
                return
            due = began + turn / rate
            time.sleep(max(0.0, due - time.monotonic()))
            if in_time and time.monotonic() > began + count / rate:
                return
            yield send(time.monotonic() - due)

    with ThreadPoolExecutor(threads) as pool:
        shares = pool.map(lambda _: list(work()), range(threads))
        sent = [order for share in shares for order in share]
    return sent, time.monotonic() - began
