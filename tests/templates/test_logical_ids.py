"""The logical ids of what holds data: with another id, CloudFormation makes another one, empty."""

from collections import Counter

import pytest

from stacks.constructs.contract_outputs import PUBLISHED, READ
from stacks.environments import ENVIRONMENTS
from tests.templates.kinds import ARCHIVE, BUCKET, BUS, DSQL, STREAM, TABLE, USER_POOL
from tests.templates.synthesis import platform

STATEFUL = {
    "CardProvider/Charges260CEA4B": TABLE,
    "Backbone/BusEA82B648": BUS,
    "Backbone/Archive4DBC1EC9": ARCHIVE,
    "Backbone/OrderStream3FA7969B": STREAM,
    "Inventory/Stock38709CBC": TABLE,
    "Inventory/Reservations25D4BAC6": TABLE,
    "Inventory/DeliveriesBF2F7293": TABLE,
    "Disputes/BusEA82B648": BUS,
    "Payments/LedgerCluster7BFE519F": DSQL,
    "Shipping/Shipments6E8A22F1": TABLE,
    "Orders/OrdersA9B65338": TABLE,
    "HttpApi/UsersPoolBFC35D3B": USER_POOL,
    "Orders/Offers979044BE": TABLE,
    "Orders/JobsCheckpoints4025189A": TABLE,
    "Catalog/Products229621C6": TABLE,
    "Purchasing/PurchaseOrders0DDC80A0": TABLE,
    "Warehouse/Stock38709CBC": TABLE,
    "Warehouse/PickingsC56AC608": TABLE,
    "Notifications/Customers6955EA0A": TABLE,
    "Notifications/EmailRecords04F9D766": TABLE,
    "Notifications/ContactsCounters6B422166": TABLE,
    "Notifications/InvoicesF0222E8D": BUCKET,
    "Storefront/AvailabilityBlue2AF1349F": TABLE,
    "Storefront/AvailabilityGreen1AE91823": TABLE,
    "Storefront/ProductsBlue728A84F1": TABLE,
    "Storefront/ProductsGreen74D4F2E7": TABLE,
    "Storefront/TimelinesBlue1563AFDD": TABLE,
    "Storefront/TimelinesGreenA705C949": TABLE,
    "Storefront/CustomerOrdersBlueB5451708": TABLE,
    "Storefront/CustomerOrdersGreen0CDCA699": TABLE,
    "Storefront/SalesBlue6B6CD4F7": TABLE,
    "Storefront/SalesGreen738A708A": TABLE,
    "Storefront/ProjectionDeadLettersB27C707B": BUCKET,
}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_logical_ids_of_data_are_stable(environment: str):
    found = {
        f"{resource.stack.rpartition('-')[2]}/{resource.id}": resource.kind
        for resource in platform(environment).all(
            BUS, ARCHIVE, STREAM, TABLE, DSQL, BUCKET, USER_POOL
        )
    }

    assert found == STATEFUL


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_outputs_of_all_stacks_have_different_names(environment: str):
    """The laptop, the tests and the operator read the outputs of all stacks as one set."""
    names = Counter(
        name
        for template in platform(environment).templates.values()
        for name in template.get("Outputs", {})
        if name not in (READ, PUBLISHED) and not name.startswith("ExportsOutput")
    )

    assert [name for name, stacks in names.items() if stacks > 1] == []
