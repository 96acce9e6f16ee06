"""Replays of the archive, to named rules and to no others."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.deployed import OperationError

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient


TERMINAL_STATES = {"COMPLETED", "CANCELLED", "FAILED"}


class Replay:
    """A replay that was started. Its name identifies it."""

    def __init__(self, events: "EventBridgeClient", name: str) -> None:
        self._events = events
        self._name = name

    def progress(self) -> Mapping[str, Any]:
        """Return the replay's description by DescribeReplay.

        Raises:
            OperationError: the replay was cancelled, or it failed.
        """
        replay: Mapping[str, Any] = self._events.describe_replay(ReplayName=self._name)
        if replay["State"] in ("CANCELLED", "FAILED"):
            why = replay.get("StateReason", "no reason was given")
            raise OperationError(f"replay {self._name} is {replay['State']}: {why}")
        return replay

    @property
    def is_complete(self) -> bool:
        """Whether all events were delivered to the rules. Raises as ``progress``."""
        return bool(self.progress()["State"] == "COMPLETED")

    def cancel(self) -> None:
        """Cancel the replay, unless it has ended or was never started.

        Raises:
            OperationError: it may go on. The message says how to end it.
        """
        try:
            if not self._has_ended():
                self._cancel()
        except (ClientError, BotoCoreError) as error:
            command = f"'aws events cancel-replay --replay-name {self._name}'"
            raise OperationError(
                f"replay {self._name} may go on; {command} ends it: {error}"
            ) from error

    def _cancel(self) -> None:
        try:
            self._events.cancel_replay(ReplayName=self._name)
        except ClientError:
            # It may have ended in between.
            if not self._has_ended():
                raise

    def _has_ended(self) -> bool:
        try:
            state: str = self._events.describe_replay(ReplayName=self._name)["State"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return True
        return state in TERMINAL_STATES


class Archive:
    """The archive of a bus.

    An event may appear in it ten minutes late, and in its counts a day late.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html#eb-archive-timing
    """

    def __init__(self, events: "EventBridgeClient", arn: str) -> None:
        self._events = events
        self._arn = arn

    def describe(self) -> Mapping[str, Any]:
        """Return the archive's description by DescribeArchive."""
        name = self._arn.rpartition("/")[2]
        described: Mapping[str, Any] = self._events.describe_archive(ArchiveName=name)
        return described

    def replay(
        self, name: str, *, since: datetime, until: datetime, rules: Sequence[str]
    ) -> Replay:
        """Start a replay of the events from ``since`` to ``until`` to the rules with these ARNs.

        An interruption or an error meanwhile cancels it. Only one replay may run at a time: two
        would mix their events in one queue.

        Raises:
            OperationError: another replay is running.
        """
        for state in ("STARTING", "RUNNING"):
            answer = self._events.list_replays(EventSourceArn=self._arn, State=state)
            for other in answer["Replays"]:
                raise OperationError(
                    f"replay {other['ReplayName']} is running: wait, or, if its command was "
                    f"killed, 'aws events cancel-replay --replay-name {other['ReplayName']}'"
                )
        start = partial(
            self._events.start_replay,
            ReplayName=name,
            EventSourceArn=self._arn,
            EventStartTime=since,
            EventEndTime=until,
            Destination={"Arn": self.describe()["EventSourceArn"], "FilterArns": list(rules)},
        )
        replay = Replay(self._events, name)
        try:
            # By a thread, whose answer is awaited: a request that is cut off may start it as well.
            with ThreadPoolExecutor(1) as requests:
                requests.submit(start).result()
        except BaseException:
            # An answer that was lost leaves a replay that was started, too.
            replay.cancel()
            raise
        return replay
