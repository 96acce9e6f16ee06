"""The generated documents are up to date, and true."""

import re
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.event import Event
from lambdas.contracts.orders import OrderPlaced
from lambdas.contracts.parsing import parse_detail
from tests.contracts.catalog import EVENTS, detail_of
from tools.declared_contracts import DeclaredContracts
from tools.event_docs import DOCS, asyncapi, documents
from tools.json_schema import detail_schema

NOBODY = DeclaredContracts(read={}, published={})
by_name = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)


@pytest.mark.parametrize("name", ["asyncapi.json", "events.md"])
def test_generated_page_is_up_to_date(name: str):
    assert set(documents()) == {"asyncapi.json", "events.md"}
    assert (DOCS / name).read_text() == documents()[name], "run: make docs"


TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


def faults(value: Any, schema: Any, root: Any, place: str = "$") -> list[str]:
    """What a value lacks to fit a schema; of JSON Schema, the words that ours use."""
    if unknown := set(schema) - {
        *("$schema", "$id", "$defs", "$ref", "title", "description", "allOf", "anyOf"),
        *("const", "type", "properties", "required", "items", "format"),
        *("minLength", "maxLength", "pattern", "minimum", "maximum", "minItems", "maxItems"),
    }:
        raise NotImplementedError(f"this validator does not know {unknown}")
    if "$ref" in schema:
        return faults(value, resolve(schema["$ref"], root), root, place)
    if "anyOf" in schema:
        options = [faults(value, option, root, place) for option in schema["anyOf"]]
        return min(options, key=len)
    found = [
        fault for part in schema.get("allOf", []) for fault in faults(value, part, root, place)
    ]
    if "const" in schema and value != schema["const"]:
        found.append(f"{place} is not {schema['const']}")
    kind = schema.get("type")
    if kind == "null":
        return found if value is None else [f"{place} is not null"]
    if kind and type(value) is not TYPES[kind]:
        return [*found, f"{place} is no {kind}"]
    found += bounds_missed(value, schema, place)
    if isinstance(value, dict):
        found += [
            f"{place}.{name} is missing" for name in schema.get("required", []) if name not in value
        ]
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                found += faults(value[name], inner, root, f"{place}.{name}")
    if isinstance(value, list):
        for i, item in enumerate(value):
            found += faults(item, schema.get("items", {}), root, f"{place}[{i}]")
    return found


def bounds_missed(value: Any, schema: Any, place: str) -> list[str]:
    if not isinstance(value, str | list | int):
        return []
    size = value if isinstance(value, int) else len(value)
    low = {name for name in ("minLength", "minimum", "minItems") if size < schema.get(name, size)}
    high = {name for name in ("maxLength", "maximum", "maxItems") if size > schema.get(name, size)}
    missed = low | high
    if "pattern" in schema and not re.search(schema["pattern"], str(value)):
        missed.add("pattern")
    return [f"{place} misses its {name}" for name in sorted(missed)]


def resolve(reference: str, root: Any) -> Any:
    for step in reference.removeprefix("#/").split("/"):
        root = root[step]
    return root


@by_name
class TestSchemas:
    def test_sample_fits_the_schema(self, event: type[Event]):
        schema = detail_schema(event)

        assert faults(detail_of(event, event.version), schema, schema) == []

    def test_sample_fits_the_asyncapi_document(self, event: type[Event]):
        document = asyncapi(NOBODY)
        payload = document["components"]["messages"][event.__name__]["payload"]

        assert faults(detail_of(event, event.version), payload, document) == []

    def test_missing_required_field_is_refused_by_schema_and_code(self, event: type[Event]):
        schema = detail_schema(event)
        for field in schema["properties"]["data"]["required"]:
            detail = detail_of(event, event.version)
            del detail["data"][field]

            assert faults(detail, schema, schema) == [f"$.data.{field} is missing"]
            with pytest.raises(ContractError, match=f"{field} is missing"):
                parse_detail(event, detail)

    def test_other_version_does_not_fit_the_schema(self, event: type[Event]):
        schema = detail_schema(event)
        detail = detail_of(event, event.version)
        detail["metadata"]["schema_version"] = event.version + 1

        assert faults(detail, schema, schema) == [
            f"$.metadata.schema_version is not {event.version}"
        ]


def references(value: Any) -> list[str]:
    match value:
        case {"$ref": str(reference)}:
            return [reference]
        case dict():
            return [found for inner in value.values() for found in references(inner)]
        case list():
            return [found for inner in value for found in references(inner)]
    return []


def test_every_reference_is_resolved():
    document = asyncapi(NOBODY)
    found = references(document)

    assert found != []
    for reference in found:
        resolve(reference, document)
    for event in EVENTS:
        schema = detail_schema(event)
        for reference in references(schema):
            resolve(reference, schema)


def test_wrong_types_are_seen():
    schema = detail_schema(OrderPlaced)
    detail = detail_of(OrderPlaced, OrderPlaced.version)
    detail["data"] |= {"lines": [{"sku": 1, "quantity": "1", "unit_price": 1}], "total": "1"}

    assert faults(detail, schema, schema) == [
        "$.data.lines[0].sku is no string",
        "$.data.lines[0].quantity is no integer",
        "$.data.total is no object",
    ]
