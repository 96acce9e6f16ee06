"""The base of doubles of boto3's clients."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    ClientDouble = Any
else:

    class ClientDouble:
        """Stands in for a client: type checkers accept it wherever a client is expected."""
