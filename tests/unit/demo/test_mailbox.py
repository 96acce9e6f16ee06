"""An address is confirmed although the API refuses too many requests for a moment."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

import pytest
import urllib3

from demo.errors import DemoError
from demo.mailbox import ConfirmationLink, Mailbox
from emulator.cloud import Cloud


class Page(ThreadingHTTPServer):
    """Answers with these statuses, in turn; with the last one for good."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.statuses: list[int] = []
        self.bodies: list[str] = []

    @property
    def link(self) -> ConfirmationLink:
        return ConfirmationLink(f"http://127.0.0.1:{self.server_port}/contact/confirmation", "t+1")


class Request(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        page = cast(Page, self.server)
        page.bodies.append(self.rfile.read(int(self.headers["content-length"])).decode())
        statuses = page.statuses
        self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def page() -> Iterator[Page]:
    with Page() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def confirm(page: Page) -> None:
    cloud = cast(Cloud, type("Cloud", (), {"endpoint": "", "access_key": ""}))
    with urllib3.PoolManager() as http:
        Mailbox(http, cloud=cloud).confirm(page.link)


@pytest.mark.parametrize("last", [200, 410])
def test_confirmation_that_is_throttled_is_sent_again(page: Page, last: int):
    page.statuses = [429, 503, last]

    confirm(page)

    assert page.bodies == ["token=t%2B1"] * 3


def test_confirmation_that_is_refused_is_an_error(page: Page):
    page.statuses = [400]

    with pytest.raises(DemoError, match="the link of a mail was answered with 400"):
        confirm(page)

    assert len(page.bodies) == 1
