"""Switch the faults of a running local cloud on and off, and see what they have delayed."""

import json
import ssl
import urllib.request
from collections.abc import Mapping
from typing import Any

from emulator.cloud import Cloud
from emulator.faults.chance import Kind
from emulator.faults.requests import CONTROL_PATH
from emulator.gateway import KEY_HEADER


def begin(cloud: Cloud, *, seed: int, rates: Mapping[Kind, float]) -> None:
    """Begin with faults; ``rates`` are the probabilities of the kinds, from 0 to 1."""
    _request(cloud, "PUT", {"seed": seed, "rates": rates})


def end(cloud: Cloud) -> dict[Kind, int]:
    """End all faults; return how many of each kind there were."""
    return {Kind(name): number for name, number in _request(cloud, "DELETE").items()}


def unfinished(cloud: Cloud) -> int:
    """Return how many deliveries and asynchronous invocations are still to come or to end."""
    return int(_request(cloud, "GET"))


def _request(cloud: Cloud, method: str, body: Any = None) -> Any:
    trust = ssl.create_default_context(cafile=str(cloud.certificate))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )
    request = urllib.request.Request(  # noqa: S310 -- the endpoint is the local cloud's
        cloud.endpoint + CONTROL_PATH,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={KEY_HEADER: cloud.access_key},
    )
    with opener.open(request, timeout=30) as answer:
        return json.load(answer)
