"""What a known bug is: what it replaces, and who has to find it."""

from collections.abc import Sequence
from dataclasses import dataclass

BY_SEEDS, BY_MODEL = "seeds", "model"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug: in a module, the text ``guard`` is replaced by ``instead``."""

    name: str
    module: str
    guard: str
    instead: str
    found_by: Sequence[str] = (BY_SEEDS, BY_MODEL)
    """Who has to find it. What nobody has to find breaks nothing within the model's bounds."""
