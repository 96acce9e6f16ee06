"""Where AWS cannot be reached, the command ends within seconds, with one line and exit code 2."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

LIMIT = 30
"""Seconds. An interpreter that starts on a busy machine needs some of them."""
ACCOUNT = {
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "k",
    "AWS_SECRET_ACCESS_KEY": "s",
}
COMMANDS = [("dlq", "list"), ("order", "show", "0" * 32), ("order", "list"), ("saga", "repair")]


def ops(*words: str, **environment: str) -> tuple[int, str, str, float]:
    """Run the command with these variables of AWS and no others."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "ops", *words],
        env={**others, **nowhere, **environment},
        capture_output=True,
        text=True,
        timeout=2 * LIMIT,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr, time.monotonic() - began


def assert_one_line(result: tuple[int, str, str, float], text: str) -> None:
    code, out, err, seconds = result
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert text in err
    assert seconds < LIMIT


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port whose connections are never accepted: its backlog is full."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = server.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        try:
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(("127.0.0.1", port))
            yield port
        finally:
            for each in waiting:
                each.close()


class LoginPage(BaseHTTPRequestHandler):
    """What a proxy answers in place of AWS."""

    page = b"<html><p>Log in\x1b[2J</html>"

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.page)


class WellFormedPage(LoginPage):
    """What can be parsed as XML."""

    page = b"<html><p>Log in\xc2\x9b2J</p></html>"


class Broken(BaseHTTPRequestHandler):
    """What fails at each request."""

    def do_POST(self) -> None:
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_endpoint_that_fails_at_each_request():
    with served(Broken) as url:
        result = ops("dlq", "list", AWS_ENDPOINT_URL=url, **ACCOUNT)

    assert_one_line(result, "(500) when calling the DescribeStacks operation")


@pytest.mark.parametrize("page", [LoginPage, WellFormedPage])
def test_endpoint_that_answers_with_a_page(page: type[LoginPage]):
    with served(page) as url:
        result = ops("dlq", "list", AWS_ENDPOINT_URL=url, **ACCOUNT)

    assert_one_line(result, "the endpoint does not answer as AWS does: ")
    assert result[2].strip().isprintable()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_endpoint_that_refuses_connections(command: tuple[str, ...]):
    result = ops(*command, AWS_ENDPOINT_URL="http://127.0.0.1:1", **ACCOUNT)

    assert_one_line(result, "Could not connect")


def test_endpoint_whose_name_is_unknown():
    result = ops("dlq", "list", AWS_ENDPOINT_URL="https://aws.invalid", **ACCOUNT)

    assert_one_line(result, "Could not connect")


def test_endpoint_that_does_not_answer(silent_port: int):
    result = ops("dlq", "list", AWS_ENDPOINT_URL=f"http://127.0.0.1:{silent_port}", **ACCOUNT)

    assert_one_line(result, "onnect")


@pytest.mark.parametrize(
    "url", ["nonsense", "http://", "http://a b", "//\x1b[2J", "http://localhost:99999"]
)
def test_endpoint_that_is_no_url(url: str):
    result = ops("dlq", "list", AWS_ENDPOINT_URL=url, **ACCOUNT)

    assert_one_line(result, "AWS_ENDPOINT_URL")
    assert result[2].strip().isprintable()


@pytest.mark.parametrize(("region", "said"), [("eu west", "eu west"), ("", "no region: ")])
def test_region_that_is_none(region: str, said: str):
    result = ops("dlq", "list", **{**ACCOUNT, "AWS_DEFAULT_REGION": region})

    assert_one_line(result, said)
    assert "endpoint" not in result[2]


def test_missing_credentials_are_named():
    result = ops("dlq", "list", AWS_DEFAULT_REGION="eu-west-1")

    assert_one_line(result, "no credentials: ")


def test_credentials_that_cannot_be_read(tmp_path: Path):
    config = tmp_path / "config"
    config.write_text("[default]\ncredential_process=/bin/echo locked\n")
    region = {"AWS_DEFAULT_REGION": "eu-west-1"}

    from_process = ops("dlq", "list", AWS_CONFIG_FILE=str(config), **region)
    from_host = ops(
        "dlq", "list", AWS_CONTAINER_CREDENTIALS_FULL_URI="http://aws.invalid", **region
    )

    assert_one_line(from_process, "the configured credentials cannot be read: ")
    assert_one_line(from_host, "aws.invalid")


def test_profile_that_does_not_exist():
    result = ops("dlq", "list", AWS_PROFILE="nobody", AWS_DEFAULT_REGION="eu-west-1")

    assert_one_line(result, "nobody")
