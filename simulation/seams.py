"""Replacements for the outside world: clients, settings, clock, logs, connections.

The platform's code does not know about them. At the end, everything is restored.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from functools import partial
from types import SimpleNamespace
from typing import Any, Protocol
from unittest.mock import patch

from botocore.config import Config
from greenlet import getcurrent

from lambdas.payments import database
from lambdas.runtime import aws, clock, log, metrics, retry, settings
from simulation.kernel import Kernel, Process
from simulation.requests import error_class


class Cloud(Protocol):
    """The operations of the simulated cloud that handlers' code uses."""

    kernel: Kernel

    def call(self, service: str, operation: str, request: dict[str, Any], config: Config) -> Any:
        """Make a request as boto3 does; return the answer or raise."""

    def connect(self, **options: Any) -> Any:
        """Open a connection to the ledger's database."""

    def log(self, line: str) -> None:
        """Handle a line of a function's log."""


class Client:
    """A client of one service, with boto3's interface."""

    meta = SimpleNamespace(region_name="eu-west-1")

    def __init__(self, cloud: Cloud, service: str, config: Config) -> None:
        self._cloud, self._service, self._config = cloud, service, config
        self.exceptions = _Exceptions(service)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        if operation.startswith("generate_"):
            return lambda *_: "token"
        return lambda **request: self._cloud.call(self._service, operation, request, self._config)

    def close(self) -> None:
        """Close the connections: here, each request has one of its own."""

    def get_paginator(self, operation: str) -> "_Paginator":
        """Return what pages through an operation of DynamoDB."""
        return _Paginator(getattr(self, operation))


class _Paginator:
    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def paginate(self, **request: Any) -> Iterator[Any]:
        page = self._call(**request)
        yield page
        while key := page.get("LastEvaluatedKey"):
            page = self._call(**request, ExclusiveStartKey=key)
            yield page


class _Exceptions:
    def __init__(self, service: str) -> None:
        self._service = service

    def __getattr__(self, name: str) -> type[Exception]:
        return error_class(self._service, name)


class _Settings:
    """The environment variables of the running process."""

    @property
    def environ(self) -> dict[str, str]:
        process = getcurrent()
        return process.settings if isinstance(process, Process) else {}


def virtual_datetime(kernel: Kernel) -> type[datetime]:
    """Return a ``datetime`` class whose ``now`` is the running process's clock."""

    class VirtualDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            skew = getattr(getcurrent(), "skew", 0.0)
            return datetime.fromtimestamp(kernel.now + skew, tz or UTC)

    return VirtualDatetime


@contextmanager
def installed(cloud: Cloud, draw: Callable[[str], float]) -> Iterator[None]:
    """Make the platform's code use ``cloud`` for as long as the context lasts."""
    make_client = partial(Client, cloud)
    printed = partial(patch.object, attribute="print", create=True)
    with (
        patch.object(aws, "make_client", make_client),
        patch.object(settings, "os", _Settings()),
        patch.object(clock, "datetime", virtual_datetime(cloud.kernel)),
        patch.object(database, "Connection", cloud.connect),
        # A real TLS context would read all certificates of the machine. None is needed here.
        patch.object(database, "ssl", SimpleNamespace(create_default_context=lambda: None)),
        patch.object(retry, "time", SimpleNamespace(sleep=cloud.kernel.sleep)),
        patch.object(retry, "random", SimpleNamespace(random=partial(draw, "jitter"))),
        printed(log, new=lambda line, **_: cloud.log(line)),
        printed(metrics, new=lambda *_, **__: None),
    ):
        aws.client.cache_clear()
        try:
            yield
        finally:
            aws.client.cache_clear()
