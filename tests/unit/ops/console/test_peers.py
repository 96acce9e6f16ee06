"""The user who made a connection, and the refusal of another user's."""

import os
import socket
import sys

import pytest

from ops.console import guard, peers
from ops.console.peers import user_of_peer
from tests.support.asgi import Browser

LINE = "   0: {local} {remote} 01 00000000:00000000 00:00000000 00000000  {user}        0 1 1 0"
OTHER = os.getuid() + 1


def connected(family: int, host: str) -> int | None:
    """The user whom the system names for a connection to this process."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(family) as client,
    ):
        port = listener.getsockname()[1]
        client.connect((host, port))
        accepted, address = listener.accept()
        with accepted:
            return user_of_peer(address, port)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists connections there")
def test_user_of_a_connection_is_known():
    assert connected(socket.AF_INET, "127.0.0.1") == os.getuid()
    assert connected(socket.AF_INET6, "::ffff:127.0.0.1") == os.getuid()


@pytest.mark.parametrize(
    ("local", "user"),
    [("0100007F:0001", OTHER), ("0000000000000000FFFF00000100007F:0001", OTHER),
     ("0100007F:0002", None), ("0200007F:0001", None)],
)  # fmt: skip
def test_user_is_that_of_the_connection_with_both_ends(tmp_path, monkeypatch, local, user):
    table = tmp_path / "tcp"
    mirrored = LINE.format(local="0100007F:2260", remote=local, user=0)
    found = LINE.format(local=local, remote="0100007F:2260", user=OTHER)
    table.write_text(f"  sl  local_address ...\n{mirrored}\n{found}\n")
    monkeypatch.setattr(peers, "CONNECTIONS", (table, tmp_path / "none"))

    assert user_of_peer(("127.0.0.1", 1), 8800) == user


@pytest.mark.parametrize(
    ("user", "status"), [(OTHER, 403), (os.getuid(), 200), (0, 200), (None, 200)]
)
def test_cookie_in_the_hands_of_another_user_opens_nothing(
    browser: Browser, monkeypatch, user: int | None, status: int
):
    """Browsers send a host's cookies to all its ports, so to servers of other users, too."""
    monkeypatch.setattr(guard, "user_of_peer", lambda client, port: user)

    assert browser.get("/orders").status == status
