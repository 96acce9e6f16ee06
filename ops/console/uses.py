"""What was used of the local cloud, as it has counted it, and by which lines of the map."""

import re
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ops.console.overview import main_bus
from ops.console.wiring import KINDS, STREAM, Wiring
from ops.deployed import Deployed, OperationError
from ops.smoke.api import open_request
from stacks.names import service_of

USAGE_PATH, KEY_HEADER = "/_ministack/usage", "x-orders-key"
"""Where the local cloud says what it has counted, and who may ask: see `emulator/usage.py`."""
API, BUS = "apigateway.amazonaws.com", "events.amazonaws.com"
"""As which principals API Gateway and EventBridge act."""
START = "states:StartExecution"
PASSES = {
    "events:PutEvents",
    "sns:Publish",
    "sqs:SendMessage",
    "kinesis:PutRecord",
    "lambda:InvokeFunction",
    START,
}
"""The actions by which one resource gives something to another."""


@dataclass(frozen=True, slots=True)
class Use:
    """How often something was used."""

    what: str
    """An IAM action, or what the local cloud counts besides."""
    by: str
    """The ARN of a role, or a service."""
    on: str
    """The ARN of the resource, or a function's name."""
    source: str
    """The ARN for which a service acted."""
    number: float


def read_uses(deployed: Deployed) -> Sequence[Use]:
    """Return what the local cloud has counted since it started.

    Raises:
        OperationError: it is no local cloud of this project, or an older one.
    """
    endpoint = deployed.client("cloudformation").meta.endpoint_url
    key = deployed.session.get_credentials().access_key
    asked = urllib.request.Request(  # noqa: S310 -- the cloud of this session
        f"{endpoint}{USAGE_PATH}", headers={KEY_HEADER: key}
    )
    try:
        answer = open_request(asked)
    except OSError as error:
        raise OperationError(f"the local cloud does not answer: {error}") from error
    if answer.status != 200:
        raise OperationError(f"the local cloud answered {answer.status} to {USAGE_PATH}")
    return [Use(*each) for each in answer.body["uses"]]


def passed(uses: Iterable[Use], deployed: Deployed) -> Mapping[str, int]:
    """Return how much has passed along each line of the map, by the line's name."""
    templates = deployed.templates()
    wiring = Wiring(templates)
    named = templates.resources(*KINDS, "AWS::IAM::Role")
    owners = {_parts(each.physical)[-1]: service_of(each.stack) for each in named}
    main = main_bus(wiring)
    bus = _parts(main.physical)[-1] if main else None
    streams = [each for each in wiring.things if each.kind == STREAM]
    names = {_parts(each.physical)[-1] for each in streams}
    readers = {w.target.physical: service_of(w.target.stack)
               for w in wiring.wires if w.source in streams}  # fmt: skip

    def owner(arn: str) -> str:
        return next((owners[part] for part in _parts(arn) if part in owners), "")

    found: Counter[str] = Counter()
    for use in uses:
        target = _parts(use.on)[-1]
        if use.what == "lambda:invocations" and use.on in readers:
            line = f"stream>{readers[use.on]}"
        elif use.what not in PASSES:
            continue
        elif target in names:
            line = "bus>stream"
        elif target == bus:
            line = f"{owner(use.by)}>bus"
        elif use.by == BUS or use.what == START:
            line = f"bus>{owner(use.on)}"
        else:
            line = f"{owner(use.source or use.by)}>{owner(use.on)}"
        found[f"line:{line}"] += int(use.number)
    return dict(found)


def _parts(name: str) -> list[str]:
    return re.split(r"[/:|]", name)
