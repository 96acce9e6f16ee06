"""How MiniStack is served: its own way takes nearly twice as long."""

import uvicorn
from ministack.app import app


def config(**tls: str) -> uvicorn.Config:
    """By plain HTTP, unless uvicorn's settings of TLS are given."""
    return uvicorn.Config(
        app,
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
