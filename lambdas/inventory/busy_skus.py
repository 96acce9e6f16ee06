"""The SKUs that this process knows to be busy."""

from collections.abc import Callable, Iterable

BUSY_SECONDS = 30.0
"""How long a SKU counts as busy after a lasting conflict on its row."""


class BusySkus:
    """The SKUs on whose rows this process has recently met a lasting conflict.

    Knowing them saves attempts that would fail, and disturb others. A process that does not know a
    busy SKU is slower, but not wrong. For other SKUs this costs no request.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` returns seconds."""
        self._clock = clock
        self._until: dict[str, float] = {}

    def note(self, skus: Iterable[str]) -> None:
        """Record that the SKUs are busy."""
        self._until |= dict.fromkeys(skus, self._clock() + BUSY_SECONDS)

    def has_any(self, skus: Iterable[str]) -> bool:
        """Return whether one of the SKUs is busy."""
        now = self._clock()
        self._until = {sku: until for sku, until in self._until.items() if until > now}
        return any(sku in self._until for sku in skus)
