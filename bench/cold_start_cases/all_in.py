"""The plain function with packages that are often recommended: Powertools, a tracer, pydantic."""

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, idempotent
from aws_lambda_powertools.utilities.parser import BaseModel, parse

from bench.cold_start_cases.plain import clients

logger, metrics, tracer = Logger(), Metrics(), Tracer()
persistence = DynamoDBPersistenceLayer(table_name="idempotency")
processor = BatchProcessor(event_type=EventType.SQS)


class Line(BaseModel):
    """A line of an order."""

    sku: str
    quantity: int
    unit_price: int


class Order(BaseModel):
    """An order."""

    order_id: str
    customer_id: str
    lines: list[Line]


@tracer.capture_lambda_handler
@logger.inject_lambda_context
@metrics.log_metrics
@idempotent(persistence_store=persistence)
def handler(event: dict[str, object], context: object) -> int:
    """Read an order."""
    return len(parse(event=event, model=Order).lines) + len(clients)
