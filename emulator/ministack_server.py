"""How MiniStack is served: its own way takes nearly twice as long."""

from collections.abc import Callable

import uvicorn
from ministack.app import app

from emulator.gateway import App


def config(gate: Callable[[App], App] = lambda app: app, **tls: str) -> uvicorn.Config:
    """By plain HTTP, unless uvicorn's settings of TLS are given; behind the gate."""
    return uvicorn.Config(
        gate(app),
        loop="uvloop",
        http="httptools",
        ws="none",
        timeout_keep_alive=75,
        log_config=None,
        access_log=False,
        # The app writes the headers that AWS writes.
        server_header=False,
        date_header=False,
        **tls,  # type: ignore[arg-type]
    )
