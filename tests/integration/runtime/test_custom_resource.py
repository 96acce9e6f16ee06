import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from lambdas.runtime.custom_resource import respond


class Mailbox(HTTPServer):
    """Where CloudFormation waits for the answer."""

    status = 200
    received: list[tuple[str, str, dict[str, str], bytes]]


class Deliveries(BaseHTTPRequestHandler):
    server: Mailbox

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.command, self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    server = Mailbox(("127.0.0.1", 0), Deliveries)
    server.received = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def request(mailbox: Mailbox, **more: str) -> dict[str, Any]:
    return {
        "RequestType": "Create",
        "ResponseURL": f"http://127.0.0.1:{mailbox.server_port}/answer?X-Amz-Signature=abc%2F",
        "StackId": "arn:stack",
        "RequestId": "r-1",
        "LogicalResourceId": "Schema",
        "ResourceProperties": {},
        **more,
    }


def fail() -> None:
    raise ValueError("no such table: " + "é" * 5_000)


def test_success_is_answered_with_the_requests_own_ids(mailbox, capsys):
    done: list[str] = []
    respond(request(mailbox), lambda: done.append("work"))
    ((method, path, headers, body),) = mailbox.received
    assert done == ["work"]
    assert (method, path) == ("PUT", "/answer?X-Amz-Signature=abc%2F")
    assert headers["Content-Type"] == ""
    assert json.loads(body) == {
        "Status": "SUCCESS",
        "PhysicalResourceId": "Schema",
        "StackId": "arn:stack",
        "RequestId": "r-1",
        "LogicalResourceId": "Schema",
    }
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_failure_is_answered_with_its_reason_and_fits(mailbox, capsys):
    respond(request(mailbox), fail)
    ((_, _, _, body),) = mailbox.received
    answer = json.loads(body)
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("ValueError: no such table: é")
    assert len(body) <= 4096
    assert "in fail" in json.loads(capsys.readouterr().out)["trace"]


@pytest.mark.parametrize("work", [lambda: None, fail])
def test_physical_id_never_changes(mailbox, work):
    respond(request(mailbox, RequestType="Update", PhysicalResourceId="first"), work)
    assert json.loads(mailbox.received[0][3])["PhysicalResourceId"] == "first"


def test_rejected_response_is_an_error(mailbox):
    mailbox.status = 403
    with pytest.raises(OSError, match="403"):
        respond(request(mailbox), lambda: None)
