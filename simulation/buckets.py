"""S3: buckets of objects that are put, if the request says so only when they are new, and read."""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from simulation import chance as kinds
from simulation.chance import Chance
from simulation.requests import client_error


class Buckets:
    """The buckets of the templates."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._objects: dict[str, dict[str, bytes]] = {}
        self.on_put: Callable[[str, bytes | None, bytes, bool], None] = lambda *_: None
        """Gets the key, what is stored under it, what is put, and whether only if it is new."""

    def create(self, name: str) -> None:
        """Create a bucket without objects."""
        self._objects[name] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._objects

    def __getitem__(self, name: str) -> dict[str, bytes]:
        return self._objects[name]

    def names(self) -> list[str]:
        """Return the names of all buckets."""
        return list(self._objects)

    def perform(self, operation: str, request: Mapping[str, Any]) -> Any:
        """Execute an operation; return its answer, or the exception that boto3 raises."""
        objects, key = self._objects[request["Bucket"]], request["Key"]
        if operation == "get_object":
            if key not in objects:
                return client_error("s3", "NoSuchKey", operation)
            return {"Body": BytesIO(objects[key])}
        if operation != "put_object":
            raise ValueError(f"s3.{operation} is not simulated")
        only_new = request.get("IfNoneMatch") == "*"
        self.on_put(key, objects.get(key), request["Body"], only_new)
        if only_new:
            if self._chance.fault("object", [kinds.CONFLICT]):
                return client_error("s3", "ConditionalRequestConflict", operation)
            if key in objects:
                return client_error("s3", "PreconditionFailed", operation)
        objects[key] = request["Body"]
        return {}
