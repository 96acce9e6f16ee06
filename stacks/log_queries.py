"""The environment's saved queries of Logs Insights, a part of operations.

The console does not let a query choose log groups by prefix. To run one, choose the groups whose
names begin with the stack's.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Source.html
"""

from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.environments import Environment

QUERIES = {
    "AnOrder": (
        "All lines about an order, across services",
        "fields @timestamp, service, level, message, state, outcome, error",
        'filter @message like "ORDER_ID"',
        "sort @timestamp",
    ),
    "Failures": (
        "What fails, and how often",
        'filter level = "ERROR"',
        "stats count(*) by service, message, error",
        "sort `count(*)` desc",
    ),
    "RefusedRequests": (
        "Requests that were refused, by problem",
        'filter message = "request_refused"',
        "stats count(*) by service, problem",
    ),
    "SlowCalls": (
        "The slowest functions",
        'filter @type = "REPORT"',
        "stats pct(@duration, 50), pct(@duration, 99), max(@duration) by @log",
    ),
    "ShardCount": (
        "Why the number of shards changed, or did not",
        'filter message = "shard_count_decided"',
        "sort @timestamp desc",
        "limit 50",
    ),
}
"""By construct id: the query's name, then its lines."""


def declare_log_queries(scope: Construct, *, env: Environment) -> None:
    """Declare the saved queries, in a folder named as the stack."""
    for id_, (name, *lines) in QUERIES.items():
        logs.CfnQueryDefinition(
            scope,
            id_,
            name=f"{env.stack_name('Operations')}/{name}",
            query_string="\n| ".join(lines),
        )
