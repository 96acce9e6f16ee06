"""Event patterns and filters, as far as the platform's templates use them."""

from collections.abc import Mapping
from typing import Any


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether an event matches a pattern; raise ValueError for an operator that is not known.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
    """
    return all(_field_matches(name, wanted, event) for name, wanted in pattern.items())


def _field_matches(name: str, wanted: Any, event: Mapping[str, Any]) -> bool:
    if name == "$or":
        return any(matches(alternative, event) for alternative in wanted)
    value = event.get(name)
    if isinstance(wanted, Mapping):
        return isinstance(value, Mapping) and matches(wanted, value)
    return any(_value_matches(each, value, present=name in event) for each in wanted)


def _value_matches(wanted: Any, value: Any, *, present: bool) -> bool:
    match wanted:
        case {"exists": bool(exists)}:
            return present == exists
        case {"prefix": str(prefix)}:
            return isinstance(value, str) and value.startswith(prefix)
        case {}:
            raise ValueError(f"the pattern {wanted} is not known here")
    # In Python True is 1; in JSON it is not.
    return bool(present and value == wanted and isinstance(value, bool) == isinstance(wanted, bool))
