"""Which SKUs are busy, as far as this process knows."""

from collections.abc import Callable, Iterable

BUSY_SECONDS = 30.0
"""How long a SKU counts as busy after a lasting conflict on its row."""


class BusySkus:
    """The SKUs on whose rows this process met a lasting conflict lately.

    It saves attempts that would fail, and disturb those that succeed. A process that knows nothing
    yet is not wrong, only slower. A SKU that no one else wants costs no request for it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` returns seconds."""
        self._clock = clock
        self._until: dict[str, float] = {}

    def note(self, skus: Iterable[str]) -> None:
        """Note that the SKUs are busy."""
        self._until |= dict.fromkeys(skus, self._clock() + BUSY_SECONDS)

    def has_any(self, skus: Iterable[str]) -> bool:
        """Return whether one of the SKUs is busy."""
        if not self._until:
            return False
        now = self._clock()
        self._until = {sku: until for sku, until in self._until.items() if until > now}
        return any(sku in self._until for sku in skus)
