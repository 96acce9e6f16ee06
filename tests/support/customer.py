"""A customer who orders and cancels while something else is done to the platform."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.platform_env import HERE, Platform


@dataclass(slots=True)
class Customer:
    """Places orders, and cancels two of three: one at once, one that may be confirmed by then."""

    platform: Platform
    countries: Sequence[str] = (HERE,)
    """Where each next order goes."""
    placed: list[str] = field(default_factory=list)

    def shop(self) -> None:
        """Place one more order, and cancel what is to be cancelled now."""
        number = len(self.placed)
        country = self.countries[number % len(self.countries)]
        self.placed.append(self.platform.place(f"order-{number}", country))
        if len(self.placed) % 3 == 0:
            self.platform.cancel(self.placed[-1])
            self.platform.cancel(self.placed[-3])

    @contextmanager
    def shopping(self) -> Iterator[None]:
        """Place and cancel orders until the block ends, and some after it."""
        over = threading.Event()

        def shop() -> None:
            while not over.wait(0.5):
                self.shop()

        with ThreadPoolExecutor(1) as thread:
            work = thread.submit(shop)
            try:
                yield
            finally:
                over.set()
                work.result()
        for _ in range(3):
            self.shop()
