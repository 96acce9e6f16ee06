"""AWS's list prices of what the platform uses, for `bench.costs` and the console."""

from dataclasses import dataclass

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """A list price: ``per`` units cost ``usd`` dollars."""

    usd: float
    per: int
    unit: str
    service: str
    """The service's path on AWS's pricing pages."""

    @property
    def unit_usd(self) -> float:
        """The price of one unit in dollars."""
        return self.usd / self.per


INVOCATION = Price(0.20, MILLION, "invocations", "lambda")
GB_SECOND = Price(13.3334, MILLION, "GB-seconds on arm64", "lambda")
STATE_TRANSITION = Price(25.00, MILLION, "state transitions, Standard", "step-functions")
EXPRESS_EXECUTION = Price(1.00, MILLION, "executions, Express", "step-functions")
EXPRESS_GB_SECOND = Price(16.67, MILLION, "GB-seconds of Express", "step-functions")
BUS_EVENT = Price(1.00, MILLION, "events put on a bus, of up to 64 KB", "eventbridge")
API_REQUEST = Price(1.00, MILLION, "requests to an HTTP API", "api-gateway")
WRITE_UNIT = Price(0.625, MILLION, "DynamoDB write units", "dynamodb")
READ_UNIT = Price(0.125, MILLION, "DynamoDB read units", "dynamodb")
DPU = Price(8.00, MILLION, "DPUs of Aurora DSQL", "rds/aurora/dsql")
STANDARD_QUEUE_REQUEST = Price(0.40, MILLION, "requests to a standard queue", "sqs")
FIFO_QUEUE_REQUEST = Price(0.50, MILLION, "requests to a FIFO queue", "sqs")
TOPIC_PUBLISH = Price(0.30, MILLION, "messages published on a FIFO topic", "sns")
TOPIC_DELIVERY = Price(0.01, MILLION, "messages of a FIFO topic delivered", "sns")
STREAM_RECORD = Price(0.014, MILLION, "Kinesis payload units of 25 KB", "kinesis/data-streams")
SHARD_HOUR = Price(0.015, 1, "hours of a shard", "kinesis/data-streams")
SHARD_RETENTION_HOUR = Price(
    0.020, 1, "hours of a shard that keeps for 7 days", "kinesis/data-streams"
)
FAN_OUT_HOUR = Price(0.015, 1, "hours of a consumer of a shard", "kinesis/data-streams")
EMAIL = Price(0.10, 1_000, "mails", "ses")
OBJECT_PUT = Price(0.005, 1_000, "objects put", "s3")
LOG_GB = Price(0.50, 1, "GB logged", "cloudwatch")
ALARM_MONTH = Price(0.10, 1, "metrics of alarms a month", "cloudwatch")
METRIC_MONTH = Price(0.30, 1, "metrics of our own a month", "cloudwatch")
DASHBOARD_MONTH = Price(3.00, 1, "dashboards a month", "cloudwatch")
KEY_MONTH = Price(1.00, 1, "keys of our own a month", "kms")
METRIC_REQUEST = Price(0.01, 1_000, "metrics asked for", "cloudwatch")
KEY_REQUEST = Price(3.00, MILLION, "requests to KMS with a key of our own", "kms")
TRACE = Price(5.00, MILLION, "traces recorded", "xray")
MACHINE_CLIENT_MONTH = Price(6.00, 1, "machine clients a month", "cognito")
INSTANCE_HOUR = Price(0.0084, 1, "hours of a t4g.micro", "ec2")
ADDRESS_HOUR = Price(0.005, 1, "hours of a public IPv4 address", "vpc")
DISK_GB_MONTH = Price(0.08, 1, "GB of gp3 a month", "ebs")

PRICES = [price for price in list(globals().values()) if isinstance(price, Price)]
