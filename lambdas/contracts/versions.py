"""Conversion between the versions of an event's data.

The event's class models the newest version. Data of older versions, in transit or in the archive,
are upcast to it when they are read. While an older version is still published, the class's data are
downcast to it.
"""

from collections.abc import Mapping
from typing import Any

from lambdas.contracts.codec import ContractError
from lambdas.contracts.event import Event

CONVERSION_ERRORS = (AttributeError, LookupError, TypeError, ValueError)
"""What a conversion raises for data that do not fit their own version."""


def upcast(event: type[Event], version: int, data: object) -> object:
    """Return data of ``version`` as data of the version that the class models.

    Raises:
        ContractError: the version is none that the class reads, or the data do not fit it.
    """
    if version not in event.reads():
        read = " and ".join(map(str, event.reads()))
        problem = f"schema_version is {version}, this code reads {read}"
        raise ContractError(event.detail_type, [problem])
    for older in range(version, event.version):
        if not isinstance(data, Mapping):
            return data
        try:
            data = event.upcasters[older](data)
        except CONVERSION_ERRORS as error:
            problem = f"it does not fit version {older}: {type(error).__name__}: {error}"
            raise ContractError(event.detail_type, [problem]) from error
    return data


def downcast(event: type[Event], data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the class's data as data of the version that is published."""
    for newer in range(event.version, event.publishes, -1):
        data = event.downcasters[newer](data)
    return data
