"""The page about what this run would have cost on AWS, by what the local cloud has counted."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ops.console.page import console_of, page
from ops.console.uses import API, Use, read_uses
from ops.prices import (
    API_REQUEST,
    BUS_EVENT,
    EMAIL,
    FIFO_QUEUE_REQUEST,
    GB_SECOND,
    INVOCATION,
    OBJECT_PUT,
    STANDARD_QUEUE_REQUEST,
    STATE_TRANSITION,
    STREAM_RECORD,
    TOPIC_PUBLISH,
    WRITE_UNIT,
    Price,
)

REQUESTS_OF_A_MESSAGE = 3
"""It is sent, received and deleted."""
DEPLOYER = ":role/cdk-"
"""Is part of the ARN of a role with which the platform is deployed: its work is not the run's."""
WRITES = ("PutItem", "UpdateItem", "DeleteItem")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Units that were counted, at their list price."""

    what: str
    count: float
    price: Price

    @property
    def usd(self) -> float:
        """The cost in dollars."""
        return self.count * self.price.unit_usd


def show_costs(request: Request) -> Response:
    """Show the cost of this run so far; in an account, where its costs are found."""
    console = console_of(request)
    costs = list(costs_of(read_uses(console.deployed))) if console.is_local else []
    costs.sort(key=lambda cost: -cost.usd)
    return page(
        request, "costs.html", {"costs": costs, "together": sum(cost.usd for cost in costs)}
    )


def costs_of(uses: Iterable[Use]) -> Iterator[Cost]:
    """Yield what AWS would bill for what was counted."""
    counts: defaultdict[str, float] = defaultdict(float)
    for use in uses:
        if DEPLOYER not in use.by:
            counts[_name(use)] += use.number

    def of(*names: str) -> float:
        return sum(counts[name] for name in names)

    sent, fifo = of("sqs:SendMessage"), of("sqs:SendMessage fifo")
    transactions = of("dynamodb:TransactWriteItems:TransactItems")
    writes = of(*(f"dynamodb:{write}" for write in WRITES)) + transactions
    for what, count, price in (
        ("mails", of("ses:SendEmail"), EMAIL),
        ("invocations of functions", of("lambda:invocations"), INVOCATION),
        ("time of functions, as this machine took it", of("lambda:gb_seconds"), GB_SECOND),
        ("states and retries of the sagas", of("states:transitions"), STATE_TRANSITION),
        ("writes of tables, those of transactions twice", writes, WRITE_UNIT),
        ("events", of("events:PutEvents:Entries"), BUS_EVENT),
        ("requests to the API that reached a function",
         of("lambda:InvokeFunction apigateway"), API_REQUEST),
        ("messages of queues, three requests each",
         REQUESTS_OF_A_MESSAGE * sent, STANDARD_QUEUE_REQUEST),
        ("messages of FIFO queues, three requests each",
         REQUESTS_OF_A_MESSAGE * fifo, FIFO_QUEUE_REQUEST),
        ("messages published on topics", of("sns:Publish", "sns:Publish fifo"), TOPIC_PUBLISH),
        ("events on the order stream", of("kinesis:PutRecord"), STREAM_RECORD),
        ("objects put", of("s3:PutObject"), OBJECT_PUT),
    ):  # fmt: skip
        if count:
            yield Cost(what=what, count=count, price=price)


def _name(use: Use) -> str:
    """Return what a use is billed by: its action, with what makes its price another."""
    if use.by == API:
        return f"{use.what} apigateway"
    return f"{use.what} fifo" if use.on.endswith(".fifo") else use.what


ROUTES = [Route("/costs", show_costs)]
