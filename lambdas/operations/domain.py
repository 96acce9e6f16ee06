"""The notice to operators about dead letters."""

from collections.abc import Mapping, Set


def notice(environment: str, waiting: Mapping[str, int], new: Set[str]) -> tuple[str, str]:
    """Return the subject and the text of a notice.

    Args:
        environment: the environment's name, such as ``dev``.
        waiting: the number of messages of each queue that is not empty.
        new: those of them that were empty before.
    """
    lines = [
        f"{name}: {depth} dead letter{'s' if depth > 1 else ''}"
        + (", since the last look" if name in new else "")
        for name, depth in sorted(waiting.items())
    ]
    first = f"Next: python -m ops dlq list --non-empty --env {environment}"
    return f"Orders {environment}: dead letters waiting", "\n".join([*lines, "", first])
