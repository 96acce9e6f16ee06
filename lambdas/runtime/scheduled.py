"""A run of scheduled work."""

from dataclasses import dataclass

from lambdas.contracts.codec import decode


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledRun:
    """What the event of a run says. A dry run says what a real one would do, and changes nothing.

    Scheduler's own event says nothing of it.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
    """

    dry_run: bool = False


def is_dry_run(event: object) -> bool:
    """Whether the run is to change nothing.

    Raises:
        ContractError: ``dry_run`` is neither true nor false: better no run than the wrong one.
    """
    return decode(ScheduledRun, event).dry_run
