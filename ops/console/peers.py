"""The user of this machine who made a connection, where the system says it."""

import socket
from pathlib import Path

CONNECTIONS = Path("/proc/net/tcp"), Path("/proc/net/tcp6")
"""The connections of the machine, one a line; Linux only.

https://docs.kernel.org/networking/proc_net_tcp.html
"""


def user_of_peer(client: tuple[str, int], port: int) -> int | None:
    """Return the user's id of a connection to ``port`` of the loopback interface.

    ``client`` is the address and port of its other end. Return None if that is not known: on other
    systems, or if the other end is not on this machine. A socket that its process has closed is
    root's.
    """
    # An IPv6 socket may have an IPv4 address: it is the end of the IPv6 one.
    own, other = _as_listed(*client), _as_listed("127.0.0.1", port)
    for table in CONNECTIONS:
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            _, local, remote, _, _, _, _, user, *_ = line.split()
            if local.endswith(own) and remote.endswith(other):
                return int(user)
    return None


def _as_listed(address: str, port: int) -> str:
    return f"{socket.inet_aton(address)[::-1].hex().upper()}:{port:04X}"
