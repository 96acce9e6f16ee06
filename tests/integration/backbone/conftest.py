"""An order stream in Kinesis; the tests put the metrics of CloudWatch."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from lambdas.backbone.stream import OrderStream
from tests.integration.local_aws import session
from tests.support.order_streams import NOW

NUMBERS = count(1)


@pytest.fixture(scope="module")
def make_client(endpoint: str) -> Callable[[str], Any]:
    return lambda service: session().client(  # type: ignore[call-overload]
        service, endpoint_url=endpoint
    )


@pytest.fixture(scope="module")
def kinesis(make_client: Callable[[str], Any]) -> Any:
    return make_client("kinesis")


@pytest.fixture(scope="module")
def cloudwatch(make_client: Callable[[str], Any]) -> Any:
    return make_client("cloudwatch")


@pytest.fixture
def name(kinesis: Any) -> Iterator[str]:
    """A stream of two shards, for one test only."""
    name = f"orders-{next(NUMBERS)}"
    kinesis.create_stream(StreamName=name, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    yield name
    kinesis.delete_stream(StreamName=name)


@pytest.fixture
def orders(name: str, kinesis: Any, cloudwatch: Any) -> OrderStream:
    return OrderStream(name, kinesis=kinesis, cloudwatch=cloudwatch)


@pytest.fixture
def measure(name: str, cloudwatch: Any) -> Callable[..., None]:
    """Put the metrics that AWS would have measured that many minutes ago."""

    def put(minutes_ago: int, *, now: datetime = NOW, consumer: str = "", **values: float) -> None:
        metrics = {
            "bytes": "IncomingBytes",
            "records": "IncomingRecords",
            "rejected": "WriteProvisionedThroughputExceeded",
            "lag": "GetRecords.IteratorAgeMilliseconds",
            "behind": "SubscribeToShardEvent.MillisBehindLatest",
        }
        dimensions = [{"Name": "StreamName", "Value": name}]
        if consumer:
            dimensions.append({"Name": "ConsumerName", "Value": consumer})
        cloudwatch.put_metric_data(
            Namespace="AWS/Kinesis",
            MetricData=[
                {
                    "MetricName": metrics[key],
                    "Dimensions": dimensions,
                    "Timestamp": now - timedelta(minutes=minutes_ago),
                    "Value": value,
                }
                for key, value in values.items()
            ],
        )

    return put
