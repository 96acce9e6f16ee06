"""The stacks between stock, order events and storefront's customers, and no others."""

from dataclasses import dataclass

from aws_cdk import App, CfnOutput, Stack
from aws_cdk import aws_apigatewayv2 as apigw

from stacks.backbone import BackboneStack
from stacks.constructs.http_api import HttpApi
from stacks.environments import Environment
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
    """Declare the stacks, with an HTTP API of their own in place of the platform's."""
    operations = OperationsStack(app, env=env)
    alarms, schedules = operations.topic, operations.schedules
    backbone = BackboneStack(app, env=env, alarms=alarms, schedules=schedules)
    inventory = InventoryStack(app, env=env, bus=backbone.bus, alarms=alarms, schedules=schedules)
    entrance = Stack(app, "Entrance")
    door = HttpApi(entrance, "HttpApi", env=env)
    # An API has to have a route before it has a stage.
    door.route(apigw.HttpMethod.POST, "/stock", inventory.receive_stock)
    CfnOutput(entrance, "UserPoolId", value=door.user_pool.user_pool_id)
    CfnOutput(entrance, "UserPoolClientId", value=door.user_pool_client.user_pool_client_id)
    StorefrontStack(
        app,
        env=env,
        alarms=alarms,
        order_stream=backbone.order_stream,
        inventory=inventory,
        http_api=door,
    )
    return StorefrontStacks(
        operations=operations, backbone=backbone, inventory=inventory, http_api=door
    )
