"""Rows of tables as values of their contracts."""

from collections.abc import Mapping
from typing import Any, TypeVar

from lambdas.contracts.bounds import quoted
from lambdas.contracts.codec import ContractError, decode

T = TypeVar("T")


class UnreadableRowError(ContractError):
    """A row does not fit its contract, because somebody edited it; the text names the row.

    A bad command raises ContractError itself: it stays bad, whereas a row may be mended.
    """


def read_row(contract: type[T], row: Mapping[str, Any], *key: str) -> T:
    """Return a row as a value of its contract. ``key`` has the names of the key's columns.

    Raises:
        UnreadableRowError: naming the row, and every column that is missing or of a wrong type.
    """
    try:
        return decode(contract, row)
    except ContractError as error:
        raise unreadable(contract, row, *key, problems=error.problems) from None


def unreadable(
    contract: type, row: Mapping[str, Any], *key: str, problems: list[str]
) -> UnreadableRowError:
    """Return the error that names a row by its key, and these problems."""
    names = [quoted(str(row.get(name))).strip("'") for name in key]
    return UnreadableRowError(" ".join([contract.__name__, *names]), problems)
