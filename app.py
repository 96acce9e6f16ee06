#!/usr/bin/env python3
"""Compose the platform for the environment that ``-c env=NAME`` selects; the default is ``dev``.

All other settings are in ``stacks/environments.py``.
"""

import os
import sys

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from stacks.backbone import BackboneStack
from stacks.card_provider import CardProviderStack
from stacks.catalog import CatalogStack
from stacks.constructs.queue import WATCHED, retain_queues
from stacks.disputes import DisputesStack
from stacks.environments import Environment, environment
from stacks.http_api import HttpApiStack
from stacks.inventory import InventoryStack
from stacks.notifications import NotificationsStack
from stacks.operations import OperationsStack
from stacks.orders import OrdersStack
from stacks.payments import PaymentsStack
from stacks.purchasing import PurchasingStack
from stacks.setting_checks import InvalidSettingError
from stacks.shipping import ShippingStack
from stacks.storefront import StorefrontStack
from stacks.supplier import SupplierStack
from stacks.warehouse import WarehouseStack


def compose(app: App, env: Environment) -> None:
    """Declare every stack of the platform in ``app``."""
    app.node.set_context(WATCHED, env.dead_letters_watched)
    operations = OperationsStack(app, env=env)
    http_api = HttpApiStack(app, env=env, alarms=operations.topic).http_api
    backbone = BackboneStack(app, env=env, alarms=operations.topic, schedules=operations.schedules)
    inventory = InventoryStack(
        app,
        env=env,
        bus=backbone.bus,
        alarms=operations.topic,
        schedules=operations.schedules,
    )
    card_provider = CardProviderStack(app, env=env)
    payments = PaymentsStack(
        app,
        env=env,
        bus=backbone.bus,
        alarms=operations.topic,
        schedules=operations.schedules,
        card_provider=card_provider.handle_request,
    )
    if env.partner_event_source:
        DisputesStack(
            app,
            env=env,
            source=env.partner_event_source,
            bus=backbone.bus,
            alarms=operations.topic,
        )
    shipping = ShippingStack(app, env=env, bus=backbone.bus, alarms=operations.topic)
    WarehouseStack(app, env=env, bus=backbone.bus, alarms=operations.topic, inventory=inventory)
    OrdersStack(
        app,
        env=env,
        bus=backbone.bus,
        alarms=operations.topic,
        schedules=operations.schedules,
        inventory=inventory,
        payments=payments,
        shipping=shipping,
        http_api=http_api,
    )
    CatalogStack(
        app,
        env=env,
        bus=backbone.bus,
        alarms=operations.topic,
        http_api=http_api,
    )
    supplier = SupplierStack(app, env=env)
    PurchasingStack(
        app,
        env=env,
        alarms=operations.topic,
        schedules=operations.schedules,
        inventory=inventory,
        supplier=supplier.answer_purchase_order,
    )
    StorefrontStack(
        app,
        env=env,
        bus=backbone.bus,
        alarms=operations.topic,
        order_stream=backbone.order_stream,
        inventory=inventory,
        http_api=http_api,
    )
    NotificationsStack(
        app,
        env=env,
        bus=backbone.bus,
        alarms=operations.topic,
        http_api=http_api,
    )
    if env.keep_data:
        retain_queues(app)


def main() -> int:
    """Synthesize, checked against the rules of AWS Solutions and Serverless.

    The CDK's own validation against CloudFormation's schemas takes as long as all the rest. It runs
    where VALIDATE is set, as `make deploy` does, and in CI.
    """
    validated = bool(os.environ.get("VALIDATE") or os.environ.get("CI"))
    app = App(builtin_cloud_formation_validation=validated)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    try:
        compose(app, environment(app.node.try_get_context("env") or "dev"))
    except InvalidSettingError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
