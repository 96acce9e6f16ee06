"""An event bus that takes what it is told to take."""

import json
from typing import Any


class FakeEvents:
    """Stands in for boto3's client of EventBridge.

    Entries of ``refused`` subjects are refused for the first ``times`` requests that hold one.
    """

    def __init__(
        self, *, refused: set[str] | None = None, times: int = 99, broken: bool = False
    ) -> None:
        self.requests: list[list[dict[str, Any]]] = []
        self.taken: list[dict[str, Any]] = []
        self._refused = refused or set()
        self._times = times
        self._broken = broken

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if self._broken:
            raise ConnectionError("no bus")
        self.requests.append(Entries)
        answers: list[dict[str, str]] = []
        refuses = self._times > 0 and any(map(self._is_refused, Entries))
        self._times -= refuses
        for entry in Entries:
            if refuses and self._is_refused(entry):
                answers.append({"ErrorCode": "ThrottlingException", "ErrorMessage": "later"})
            else:
                self.taken.append(entry)
                answers.append({"EventId": str(len(self.taken))})
        failed = sum("ErrorCode" in answer for answer in answers)
        return {"FailedEntryCount": failed, "Entries": answers}

    def _is_refused(self, entry: dict[str, Any]) -> bool:
        return json.loads(entry["Detail"])["metadata"]["subject"] in self._refused
