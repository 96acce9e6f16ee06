"""What is made to fail on purpose in a run, and put back with the operator's command.

Each fault denies a right until something is parked for the lack of it.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from demo.report import RED, Note, Screen
from emulator.cloud import REGION, Cloud, CloudError
from ops.deployed import Deployed
from ops.dlq.readers import reader_for
from ops.dlq.selection import find_sink

_ROOT = Path(__file__).resolve().parent.parent
_FAILED = 2
DEAD_LETTER_TIMEOUT = 180.0
"""Seconds after which what is not parked, or still is, will be so for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedFault:
    """By ``holder``'s policy, ``right`` is denied for a while; what fails goes to ``place``."""

    what: str
    holder: str
    right: str
    place: str


FAULTS_WHILE_PLACING: Sequence[InjectedFault] = (
    InjectedFault(
        what="no saga may start",
        holder="orders/FulfilmentMachineEventsRole",
        right="states:StartExecution",
        place="orders/StartFulfilmentRuleUndelivered",
    ),
)
FAULTS_WHILE_DISPATCHING: Sequence[InjectedFault] = (
    InjectedFault(
        what="no order may change",
        holder="orders/MarkDispatchedRole",
        right="dynamodb:PutItem",
        place="orders/MarkDispatchedDeadLetters",
    ),
    InjectedFault(
        what="no stock may be told",
        holder="storefront/AvailabilitySubscriberQueue",
        right="sqs:SendMessage",
        place="storefront/AvailabilitySubscriberUndelivered",
    ),
    InjectedFault(
        what="no timeline may grow",
        holder="storefront/UpdateTimelinesRole",
        right="dynamodb:UpdateItem",
        place="storefront/ProjectionDeadLetters",
    ),
)
"""Events, messages and batches of the stream: each kind of edge has its own way to fail."""


@dataclass(frozen=True, slots=True)
class _Root:
    """The account's root user, as a session of boto3."""

    cloud: Cloud
    region_name: str = REGION

    def client(self, service: str, **_: Any) -> Any:
        return self.cloud.client(service)


Policy = Mapping[str, Any]


class _RolePolicy:
    """The policy of a role."""

    def __init__(self, client: Callable[[str], Any], name: str) -> None:
        self._iam = client("iam")
        (policy,) = self._iam.list_role_policies(RoleName=name)["PolicyNames"]
        self._named = {"RoleName": name, "PolicyName": policy}

    def read(self) -> Policy:
        return dict(self._iam.get_role_policy(**self._named)["PolicyDocument"])

    def write(self, policy: Policy) -> None:
        self._iam.put_role_policy(**self._named, PolicyDocument=json.dumps(policy))


class _QueuePolicy:
    """The policy of a queue."""

    def __init__(self, client: Callable[[str], Any], name: str) -> None:
        self._sqs, self._url = client("sqs"), name

    def read(self) -> Policy:
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["Policy"])
        return dict(json.loads(answer["Attributes"]["Policy"]))

    def write(self, policy: Policy) -> None:
        attributes = {"Policy": json.dumps(policy)}
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes=attributes)


class FaultInjection:
    """Makes things fail, and has the operator's command put them back."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._client = cache(cloud.client)
        templates = Deployed(session=_Root(cloud), environment="dev").templates()
        self._places = templates.failure_sinks()
        self._physical = {each.name: each.physical for each in templates.resources()}
        self._shown = ""
        self._moved = self._left = 0
        self._missing: list[InjectedFault] = []

    @contextmanager
    def active(self, faults: Sequence[InjectedFault]) -> Iterator[None]:
        """Let these happen beside what the block does; it ends when all of them are over."""
        with ThreadPoolExecutor(len(faults)) as pool:
            over = pool.map(self._inject, faults)
            yield
            self._missing += [each for each, parked in zip(faults, over, strict=True) if not parked]

    def redrive_all(self, note: Note) -> None:
        """Redrive all that is parked until nothing is, or for a while."""
        deadline = time.monotonic() + DEAD_LETTER_TIMEOUT
        self._shown = self._ops("dlq", "list", "--non-empty")
        while self._parked() and time.monotonic() < deadline:
            said = self._ops("dlq", "redrive", "--all", "--yes", "--json", "--per-second", "200")
            self._moved += json.loads(said)["moved"]
            note(f"{self._moved:,} put back")
        self._left = self._parked()

    @property
    def succeeded(self) -> bool:
        """Whether each fault had something parked, and nothing is any more."""
        return not self._missing and not self._left

    def show(self, screen: Screen) -> None:
        """What failed, what the operator saw of it, and how it ended."""
        screen.title("Failed on purpose")
        for fault in (*FAULTS_WHILE_PLACING, *FAULTS_WHILE_DISPATCHING):
            parked = f"parked in {fault.place}"
            screen.item(
                fault.what,
                parked if fault not in self._missing else screen.paint(f"not {parked}", RED),
            )
        screen.say("\n  $ python -m ops dlq list --non-empty")
        for line in self._shown.splitlines():
            screen.say(f"  {line}")
        screen.say("\n  $ python -m ops dlq redrive --all --yes")
        left = screen.paint(f"{self._left:,} still parked", RED) if self._left else "none is left"
        screen.say(f"  {self._moved:,} moved, {left}")

    def _inject(self, fault: InjectedFault) -> bool:
        """Deny the right until something is parked; whether something was."""
        place = reader_for(find_sink(self._places, fault.place), self._client)
        deadline = time.monotonic() + DEAD_LETTER_TIMEOUT
        with self._denied(fault):
            while not (parked := place.depth().total) and time.monotonic() < deadline:
                time.sleep(0.1)
        return bool(parked)

    @contextmanager
    def _denied(self, fault: InjectedFault) -> Iterator[None]:
        """Deny the right until the block ends."""
        name = self._physical[fault.holder]
        of_role = fault.holder.endswith("Role")
        policy = _RolePolicy(self._client, name) if of_role else _QueuePolicy(self._client, name)
        whole = policy.read()
        denial = {"Effect": "Deny", "Action": fault.right, "Resource": "*"}
        if not of_role:
            denial["Principal"] = "*"
        policy.write({**whole, "Statement": [*whole["Statement"], denial]})
        try:
            yield
        finally:
            policy.write(whole)

    def _parked(self) -> int:
        return sum(reader_for(place, self._client).depth().total for place in self._places)

    def _ops(self, *arguments: str) -> str:
        """What the operator's command says, as it is run in a shell."""
        command = subprocess.run(
            [sys.executable, "-m", "ops", *arguments],
            cwd=_ROOT,
            env={**os.environ, **self._cloud.environment()},
            capture_output=True,
            text=True,
            check=False,
        )
        if command.returncode >= _FAILED:
            raise CloudError(f"ops {' '.join(arguments)} failed: {command.stderr.strip()}")
        return command.stdout
