"""Warehouse: picks confirmed orders on EC2 instances, which compete for them."""

from functools import partial

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.inventory import STOCK_EVENTS
from lambdas.contracts.orders import OrderConfirmed
from lambdas.contracts.warehouse import EVENTS
from stacks.constructs.event_rule import EventRule
from stacks.constructs.grants import grant, grant_publish
from stacks.constructs.queue import WorkQueue
from stacks.constructs.table import ServiceTable
from stacks.constructs.topic_queue import TopicQueue
from stacks.constructs.worker_events import log_instance_states, notify_of_scaling
from stacks.constructs.worker_group import LEASE_SECONDS, WorkerGroup
from stacks.environments import Environment
from stacks.inventory import InventoryStack


class WarehouseStack(Stack):
    """The two queues and two tables of the warehouse, and its workers."""

    def __init__(
        self,
        scope: Construct,
        *,
        env: Environment,
        bus: events.IEventBus,
        alarms: sns.ITopic,
        inventory: InventoryStack,
    ) -> None:
        super().__init__(scope, env.stack_name("Warehouse"))

        # State
        stock = ServiceTable(self, "Stock", env=env, key="sku")
        pickings = ServiceTable(self, "Pickings", env=env, key="order_id")

        # Queues
        picking_queue = WorkQueue(
            self,
            "Picking",
            contents="orders to be picked",
            visibility_timeout=Duration.seconds(LEASE_SECONDS),
            alarms=alarms,
        )
        stock_queue = TopicQueue(
            self,
            "StockChanges",
            topic=inventory.topic,
            events=STOCK_EVENTS,
            visibility_timeout=Duration.seconds(LEASE_SECONDS),
            alarms=alarms,
        )

        # Workers
        workers = WorkerGroup(
            self,
            "Workers",
            env=env,
            service="warehouse",
            settings={
                "STOCK_QUEUE_URL": stock_queue.queue.queue_url,
                "STOCK_DEAD_LETTER_QUEUE_URL": stock_queue.dead_letters.queue_url,
                "PICKING_QUEUE_URL": picking_queue.queue_url,
                "PICKING_DEAD_LETTER_QUEUE_URL": picking_queue.dead_letters.queue_url,
                "STOCK_TABLE": stock.table_name,
                "PICKINGS_TABLE": pickings.table_name,
                "EVENT_BUS": bus.event_bus_name,
            },
            queues={
                picking_queue: picking_queue.dead_letters,
                stock_queue.queue: stock_queue.dead_letters,
            },
            alarms=alarms,
        )

        # Flow: confirmed orders to the picking queue
        EventRule(
            self,
            "Pick",
            bus=bus,
            event=OrderConfirmed,
            target=partial(targets.SqsQueue, picking_queue),
            alarms=alarms,
        )
        instance_log = log_instance_states(self, env=env, alarms=alarms)
        notify_of_scaling(self, group_name=workers.name, alarms=alarms)

        # Grants
        for table in (stock, pickings):
            grant(workers.role, "dynamodb:PutItem", on=table.table_arn)
        grant_publish(workers.role, bus, published=EVENTS)

        CfnOutput(self, "WarehouseGroup", value=workers.name)
        CfnOutput(self, "WarehouseStockTable", value=stock.table_name)
        CfnOutput(self, "PickingsTable", value=pickings.table_name)
        CfnOutput(self, "InstanceLogGroup", value=instance_log.log_group_name)
