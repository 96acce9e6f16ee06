import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.shipping import AddressUndeliverable, ShipmentAlreadyCancelled
from lambdas.shipping.domain import shipment_id

Load = Callable[[str], Callable[[Any, None], Any]]


@pytest.fixture
def load(load_handler: Callable[..., Any], make_table: Callable[[str, str], str]) -> Load:
    table = make_table("shipments", "order_id")
    return lambda verb: load_handler(f"lambdas.shipping.{verb}", SHIPMENTS_TABLE=table)


def booking(country: str = "France") -> dict[str, Any]:
    return {"order_id": "o1", "country": country, "lines": [{"sku": "A", "quantity": 2}]}


def test_booked_then_cancelled(load: Load, capsys: pytest.CaptureFixture[str]):
    same = {"order_id": "o1", "shipment_id": shipment_id("o1")}

    assert load("book_shipment")(booking(), None) == {**same, "state": "BOOKED"}
    assert load("cancel_shipment")({"order_id": "o1"}, None) == {**same, "state": "CANCELLED"}
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {
            "message": "shipment_booking_decided",
            "level": "INFO",
            "order_id": "o1",
            "state": "BOOKED",
        },
        {
            "message": "shipment_cancellation_decided",
            "level": "INFO",
            "order_id": "o1",
            "state": "CANCELLED",
        },
    ]


def test_undeliverable_country_is_refused_by_name_and_stays_refused(load: Load):
    for _ in range(2):
        with pytest.raises(AddressUndeliverable, match="European Community"):
            load("book_shipment")(booking("European Community"), None)

    assert load("cancel_shipment")({"order_id": "o1"}, None)["state"] == "REFUSED"


def test_booking_after_its_cancellation_is_refused_by_name(load: Load):
    load("cancel_shipment")({"order_id": "o1"}, None)

    with pytest.raises(ShipmentAlreadyCancelled):
        load("book_shipment")(booking(), None)


def test_bad_input_is_named(load: Load):
    with pytest.raises(ContractError) as refusal:
        load("book_shipment")({"order_id": 1, "lines": []}, None)

    assert refusal.value.problems == [
        "order_id must be a string, not int",
        "country is missing",
        "lines must have 1 to 90 items, not 0",
    ]
