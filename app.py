#!/usr/bin/env python3
"""Composes the platform for the environment that ``-c env=NAME`` selects; ``dev`` if none.

``-c partner=NAME`` names the partner event source through which the card company tells of disputes.
"""

import sys

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from stacks.backbone import BackboneStack
from stacks.environments import (
    BadPartnerError,
    Environment,
    UnknownEnvironmentError,
    environment,
)
from stacks.inventory import InventoryStack
from stacks.operations import OperationsStack
from stacks.orders import OrdersStack
from stacks.partner import PartnerStack
from stacks.payments import PaymentsStack
from stacks.provider import ProviderStack
from stacks.purchasing import PurchasingStack
from stacks.shipping import ShippingStack
from stacks.storefront import StorefrontStack
from stacks.warehouse import WarehouseStack


def compose(app: App, env: Environment) -> None:
    """Declare every stack of the platform in ``app``."""
    operations = OperationsStack(app, env=env)
    backbone = BackboneStack(app, env=env, alarms=operations.topic, schedules=operations.schedules)
    inventory = InventoryStack(app, env=env, bus=backbone.bus, alarms=operations.topic)
    provider = ProviderStack(app, env=env)
    payments = PaymentsStack(
        app,
        env=env,
        bus=backbone.bus,
        alarms=operations.topic,
        schedules=operations.schedules,
        provider=provider.answer,
    )
    if env.partner_event_source:
        PartnerStack(
            app,
            env=env,
            source=env.partner_event_source,
            bus=backbone.bus,
            alarms=operations.topic,
        )
    shipping = ShippingStack(app, env=env, bus=backbone.bus, alarms=operations.topic)
    WarehouseStack(app, env=env, bus=backbone.bus, alarms=operations.topic, inventory=inventory)
    orders = OrdersStack(
        app,
        env=env,
        bus=backbone.bus,
        alarms=operations.topic,
        schedules=operations.schedules,
        inventory=inventory,
        payments=payments,
        shipping=shipping,
    )
    PurchasingStack(
        app,
        env=env,
        alarms=operations.topic,
        schedules=operations.schedules,
        inventory=inventory,
    )
    StorefrontStack(
        app,
        env=env,
        alarms=operations.topic,
        order_stream=backbone.order_stream,
        inventory=inventory,
        front_door=orders.front_door,
    )


def main() -> int:
    """Synthesize, checked against the rules of AWS Solutions and Serverless."""
    app = App()
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    try:
        env = environment(
            app.node.try_get_context("env") or "dev",
            partner=app.node.try_get_context("partner"),
        )
    except (UnknownEnvironmentError, BadPartnerError) as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 2
    compose(app, env)
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
