"""The event of a scheduled function, which may ask for a dry run."""

from dataclasses import dataclass

from lambdas.contracts.codec import decode


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledRun:
    """The event of a scheduled run. A dry run reports what it would do, and changes nothing.

    EventBridge Scheduler's own event has no ``dry_run``.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
    """

    dry_run: bool = False


def is_dry_run(event: object) -> bool:
    """Return whether the event asks for a dry run.

    Raises:
        ContractError: ``dry_run`` is neither true nor false.
    """
    return decode(ScheduledRun, event).dry_run
