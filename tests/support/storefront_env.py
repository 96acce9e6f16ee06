"""The stacks between stock, order events and storefront's customers, and no others."""

from dataclasses import dataclass

from aws_cdk import App

from stacks.backbone import BackboneStack
from stacks.constructs.http_api import HttpApi
from stacks.environments import Environment
from stacks.http_api import HttpApiStack
from stacks.inventory import InventoryStack
from stacks.operations import OperationsStack
from stacks.storefront import StorefrontStack


@dataclass(frozen=True, slots=True, kw_only=True)
class StorefrontStacks:
    """The stacks, for others to be added to."""

    operations: OperationsStack
    backbone: BackboneStack
    inventory: InventoryStack
    http_api: HttpApi


def declare_storefront_stacks(app: App, env: Environment) -> StorefrontStacks:
    """Declare the stacks, with the HTTP API."""
    operations = OperationsStack(app, env=env)
    alarms, schedules = operations.topic, operations.schedules
    backbone = BackboneStack(app, env=env, alarms=alarms, schedules=schedules)
    inventory = InventoryStack(app, env=env, bus=backbone.bus, alarms=alarms, schedules=schedules)
    http_api = HttpApiStack(app, env=env, alarms=alarms).http_api
    StorefrontStack(
        app,
        env=env,
        bus=backbone.bus,
        alarms=alarms,
        order_stream=backbone.order_stream,
        inventory=inventory,
        http_api=http_api,
    )
    return StorefrontStacks(
        operations=operations, backbone=backbone, inventory=inventory, http_api=http_api
    )
