"""MiniStack's HTTP server. With MiniStack's own settings a request takes nearly twice as long."""

from collections.abc import Callable

import uvicorn
from ministack.app import app

from emulator.gateway import App


def config(gate: Callable[[App], App] = lambda app: app, **tls: str) -> uvicorn.Config:
    """Return uvicorn's configuration; it serves plain HTTP unless ``tls`` has uvicorn's settings.

    ``gate`` wraps the application.
    """
    return uvicorn.Config(
        gate(app),
        loop="uvloop",
        http="httptools",
        ws="none",
        timeout_keep_alive=75,
        log_config=None,
        access_log=False,
        # The app itself writes these headers, as AWS does.
        server_header=False,
        date_header=False,
        **tls,  # type: ignore[arg-type]
    )
