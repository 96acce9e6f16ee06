"""DynamoDB tables of any size, which a rebuild compares."""

from typing import Any

from ops.views.compare import DynamoTable
from tests.support.doubles import ClientDouble


class Items(ClientDouble):
    """boto3's table and its service in one: page by page, of any size."""

    name = "table"
    key_schema = ({"AttributeName": "id"},)

    def __init__(self, count: int, **changed: str) -> None:
        self.count = count
        self.changed = changed
        self.most_at_once = 0

    def come(self) -> None:
        """What was late is there."""
        self.changed = {}

    def item(self, number: int) -> dict[str, Any]:
        name = f"i{number}"
        return {"id": name, "value": self.changed.get(name, "same")}

    def scan(
        self,
        *,
        ConsistentRead: bool,  # noqa: N803
        Limit: int,  # noqa: N803
        ExclusiveStartKey: Any = None,  # noqa: N803
    ) -> dict[str, Any]:
        assert ConsistentRead
        start = ExclusiveStartKey["next"] if ExclusiveStartKey else 0
        end = min(start + Limit, self.count)
        self.most_at_once = max(self.most_at_once, end - start)
        more = {"LastEvaluatedKey": {"next": end}} if end < self.count else {}
        return {"Items": [self.item(n) for n in range(start, end)], **more}

    def batch_get_item(self, *, RequestItems: Any) -> dict[str, Any]:  # noqa: N803
        wanted = RequestItems["table"]
        assert wanted["ConsistentRead"]
        numbers = [int(key["id"][1:]) for key in wanted["Keys"]]
        self.most_at_once = max(self.most_at_once, len(numbers))
        # DynamoDB may leave some for another time.
        now, later = numbers[:40], wanted["Keys"][40:]
        found = [self.item(n) for n in now if n < self.count]
        unprocessed = {"table": {"Keys": later}} if later else {}
        return {"Responses": {"table": found}, "UnprocessedKeys": unprocessed}


def tables(one: Items, other: Items) -> tuple[DynamoTable, DynamoTable]:
    return DynamoTable(one, one), DynamoTable(other, other)
