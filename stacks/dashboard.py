"""The environment's dashboard, a part of operations: what its rows show."""

from collections.abc import Mapping, Sequence

from constructs import Construct

from stacks.constructs.dashboard import Dashboard, search
from stacks.environments import Environment

OUTCOMES = (
    "OrdersPlaced",
    "OrdersConfirmed",
    "OrdersRejected",
    "OrdersCancelled",
    "OrdersDispatched",
)
"""The counts of the orders' outbox relay."""


def declare_dashboard(scope: Construct, *, env: Environment) -> None:
    """Declare the dashboard of an environment."""
    Dashboard(scope, "Dashboard", rows=_rows(env.name))


def _rows(name: str) -> Sequence[Mapping[str, Sequence[str]]]:
    stacks = ("Orders", name.capitalize())
    orders, exactly = "Orders,Environment", f'Environment="{name}"'
    functions, queues = "AWS/Lambda,FunctionName", "AWS/SQS,QueueName"
    machines, stream = "AWS/States,StateMachineArn", "AWS/Kinesis,StreamName"
    api, tables = "AWS/ApiGateway,ApiId", "AWS/DynamoDB,TableName"
    started = (*stacks, "Fulfilment")
    return (
        {
            "Orders by outcome": [search(orders, metric, exactly) for metric in OUTCOMES],
            "Sagas: seconds until confirmed or undone (p50, p99; in ms)": [
                search(machines, "ExecutionTime", *started, statistic=statistic)
                for statistic in ("p50", "p99")
            ],
            "Backlog: open and deferred orders": [
                search(orders, metric, exactly, statistic="Maximum")
                for metric in ("OpenOrders", "DeferredOrders")
            ],
        },
        {
            "HTTP APIs of the account: requests and errors": [
                search(api, metric) for metric in ("Count", "4xx", "5xx")
            ],
            "HTTP APIs of the account: latency (p50, p99)": [
                search(api, "Latency", statistic=statistic) for statistic in ("p50", "p99")
            ],
            "Functions: errors and throttles": [
                search(functions, metric, *stacks) for metric in ("Errors", "Throttles")
            ],
        },
        {
            "Dead letters, and queues": [
                search(queues, "ApproximateNumberOfMessagesVisible", *stacks, statistic="Maximum")
            ],
            "Lag of stream consumers (ms)": [
                search(functions, "IteratorAge", *stacks, statistic="Maximum")
            ],
            "Order stream: records, and refused by its shards": [
                search(stream, metric, *stacks)
                for metric in ("IncomingRecords", "WriteProvisionedThroughputExceeded")
            ],
        },
        {
            "Cost: function calls": [f"SUM({search(functions, 'Invocations', *stacks)})"],
            "Cost: seconds of functions": [f"SUM({search(functions, 'Duration', *stacks)}) / 1000"],
            "Cost: write units of tables": [
                f"SUM({search(tables, 'ConsumedWriteCapacityUnits', *stacks)})"
            ],
            "Cost: bytes logged": [
                f"SUM({search('AWS/Logs,LogGroupName', 'IncomingBytes', *stacks)})"
            ],
        },
    )
