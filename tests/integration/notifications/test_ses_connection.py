"""Requests to SES: over a connection of their own, and made once."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from inspect import unwrap
from operator import attrgetter
from typing import Any

import boto3
import pytest
from botocore.config import Config

from lambdas.notifications.ses import send_through_ses, text_content
from lambdas.runtime.aws import SINGLE_ATTEMPT

BODY = b'{"MessageId": "m"}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: keep-alive\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
RESET = struct.pack("ii", 1, 0)
"""With this, closing a socket resets its connection."""


class Server:
    """Answers the first request of each connection, and resets the connection at the next.

    So does a peer that has forgotten a connection: that shows only when something is sent.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        received = b""
        while not received.endswith(b"}"):
            received += connection.recv(65_536)
        connection.sendall(ANSWER)
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.close()

    def close(self) -> None:
        """End the server."""
        self._listener.close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_ses_on_a_reset_kept_alive_connection_gets_a_fresh_connection(server: Server):
    """On the kept one the mail would not be sent, and nobody would know: it is not repeated."""
    ses = boto3.client(
        "sesv2",
        endpoint_url=server.address,
        region_name="eu-west-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=SINGLE_ATTEMPT.merge(Config(proxies={})),
    )
    content = text_content("Your order", "It is on its way.")

    for _ in range(3):
        sent = send_through_ses(ses, sender="a@example.com", to="b@example.com", content=content)
        assert sent == "m"


SETTINGS = dict.fromkeys(
    (
        *("API_URL", "CONFIRMATION_COUNTERS_TABLE", "CUSTOMERS_TABLE", "EMAIL_RECORDS_TABLE"),
        *("INVOICES_BUCKET", "SENDER", "THROTTLED_MILLISECONDS"),
    ),
    "1",
)


@pytest.mark.parametrize(
    ("module", "client"), [("notify_customer", "mail_sender._ses"), ("put_contact", "change.ses")]
)
def test_mail_whose_answer_is_late_is_not_requested_again(
    load_handler: Callable[..., Any], module: str, client: str
):
    handler = load_handler(f"lambdas.notifications.{module}", **SETTINGS)
    holder, _, path = client.partition(".")

    ses = attrgetter(path)(unwrap(handler).__globals__[holder])

    assert ses.meta.config.retries["total_max_attempts"] == 1
