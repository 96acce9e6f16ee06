"""The topic of the stock's events, and the relay that publishes them."""

from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.inventory import STOCK_EVENTS
from stacks.constructs.contract_outputs import note_published
from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant
from stacks.constructs.outbox import Outbox
from stacks.constructs.table import ServiceTable
from stacks.constructs.topic_key import managed_by_aws
from stacks.environments import Environment


def declare_stock_events(
    scope: Construct, *, env: Environment, stock: ServiceTable, alarms: sns.ITopic
) -> sns.Topic:
    """Declare that each change of ``stock`` is published; return the topic.

    The message group is the SKU: a subscriber gets a SKU's changes in their order, and SKUs do not
    wait for each other.
    https://docs.aws.amazon.com/sns/latest/dg/fifo-high-throughput.html
    """
    topic = sns.Topic(
        scope,
        "Changes",
        fifo=True,
        content_based_deduplication=False,
        fifo_throughput_scope=sns.FifoThroughputScope.MESSAGE_GROUP,
        enforce_ssl=True,
        # Only our roles publish there.
        master_key=managed_by_aws(scope),
    )
    relay = ServiceFunction(
        scope,
        "RelayOutbox",
        env=env,
        handler="inventory.relay_outbox",
        settings={"STOCK_TOPIC": topic.topic_arn},
    )
    Outbox(
        scope,
        "Outbox",
        table=stock,
        relay=relay,
        alarms=alarms,
        parallelization_factor=env.relay_parallelization,
    )
    grant(relay, "sns:Publish", on=topic.topic_arn)
    note_published(relay, STOCK_EVENTS)
    return topic
