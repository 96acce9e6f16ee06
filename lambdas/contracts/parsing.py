"""Parsing events as they are delivered.

An event arrives in one of three forms. EventBridge delivers ``source``, ``detail-type`` and
``detail``. Lambda's destinations wrap a function's response into such an event. A message of an SNS
topic is the detail with ``source`` and ``detail_type`` added.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from lambdas.contracts.codec import ContractError, decode
from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.event import DESTINATION_DETAIL_TYPE, DESTINATION_SOURCE, Event, Metadata
from lambdas.contracts.versions import upcast

E = TypeVar("E", bound=Event)


class UnknownEventError(ContractError):
    """The event is of none of the types that its consumer knows."""


class Delivered(NamedTuple):
    """The parts of a delivered event, whatever its form."""

    source: str
    detail_type: str
    detail: Any
    via_destination: bool | None
    """Whether Lambda published it; None for a message, which does not say."""


def parse_detail(contract: type[E], detail: object) -> EventEnvelope[E]:
    """Return the event in the ``detail`` of a delivered event of this contract.

    Raises:
        ContractError: naming every field that is missing or of a wrong type, or the version if the
            contract cannot read it.
    """
    parts = detail if isinstance(detail, dict) else {}
    metadata = decode(Metadata, parts.get("metadata"))
    data = upcast(contract, metadata.schema_version, parts.get("data"))
    return EventEnvelope(metadata=metadata, data=decode(contract, data))


def parse_event(
    contracts: Sequence[type[E]], delivered: Mapping[str, Any] | str | bytes
) -> EventEnvelope[E]:
    """Return the event in a delivered event, or in its JSON; it is of one of these contracts.

    Raises:
        UnknownEventError: it is of none of these contracts.
        ContractError: it is no event, does not fit its contract, has no valid time, or its metadata
            and its data name different subjects.
    """
    event = unwrap_event(delivered)
    for contract in contracts:
        via = contract.via_destination if event.via_destination is None else event.via_destination
        known = (contract.source, contract.detail_type, contract.via_destination)
        if (event.source, event.detail_type, via) == known:
            parsed = parse_detail(contract, event.detail)
            _check_metadata(parsed)
            return parsed
    known_types = ", ".join(contract.detail_type for contract in contracts)
    problem = f"{event.detail_type} of {event.source} is none of {known_types}"
    raise UnknownEventError("delivered event", [problem])


def parse_event_if_known(
    contracts: Sequence[type[E]], delivered: Mapping[str, Any] | str | bytes
) -> EventEnvelope[E] | None:
    """Return the event as ``parse_event`` does, or None if it is of none of these contracts.

    Raises:
        ContractError: as ``parse_event``.
    """
    try:
        return parse_event(contracts, delivered)
    except UnknownEventError:
        return None


def unwrap_event(delivered: Mapping[str, Any] | str | bytes) -> Delivered:
    """Return the parts of a delivered event, or of its JSON, in any of the three forms.

    Raises:
        ContractError: it is not JSON, or has no source and detail-type.
    """
    content = _load(delivered) if isinstance(delivered, str | bytes) else delivered
    if not isinstance(content, Mapping):
        content = {}
    source, detail_type = content.get("source"), content.get("detail-type")
    detail, via_destination = content.get("detail"), False
    if (source, detail_type) == (DESTINATION_SOURCE, DESTINATION_DETAIL_TYPE):
        response = detail.get("responsePayload") if isinstance(detail, dict) else None
        detail, via_destination = (response if isinstance(response, dict) else {}), True
        source, detail_type = detail.get("source"), detail.get("detail_type")
    is_message = "detail_type" in content
    if is_message:
        detail_type, detail = content["detail_type"], content
    if not isinstance(source, str) or not isinstance(detail_type, str):
        raise ContractError("delivered event", ["it has no source and detail-type"])
    return Delivered(source, detail_type, detail, None if is_message else via_destination)


def _check_metadata(event: EventEnvelope[Any]) -> None:
    metadata, field = event.metadata, event.data.subject_field
    if field and (subject := getattr(event.data, field)) != metadata.subject:
        problem = f"{field} is {subject}, and the event is about {metadata.subject}"
        raise ContractError(event.data.detail_type, [problem])


def _load(body: str | bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ContractError("delivered event", [f"it is not JSON: {error}"]) from None
