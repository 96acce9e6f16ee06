"""This code against the contracts of the last release."""

import json

from lambdas.contracts.orders import OrderCancelled, OrderPlaced
from tools.contract_check import RELEASED, current_contracts, plain_schema
from tools.contract_rules import find_problems
from tools.declared_contracts import declared_contracts


def test_this_release_breaks_no_consumer_of_the_last():
    released = json.loads(RELEASED.read_text())

    assert find_problems(released, current_contracts(released, declared_contracts())) == []


def test_older_versions_keep_their_released_schema():
    released = json.loads(RELEASED.read_text())
    versions = current_contracts(released, declared_contracts())["events"]["OrderCancelled"][
        "versions"
    ]

    assert versions["1"] == released["events"]["OrderCancelled"]["versions"]["1"]
    assert versions["2"] == plain_schema(OrderCancelled)


def test_schema_has_neither_descriptions_nor_references():
    schema = plain_schema(OrderPlaced)

    total = schema["properties"]["total"]
    assert (total["type"], total["required"]) == ("object", ["amount", "currency"])
    assert total["properties"]["currency"]["pattern"] == "^[A-Z]{3}$"
    assert "$ref" not in str(schema)
    assert "description" not in str(schema)
