"""The report of a redrive or of its dry run, as text and as JSON."""

from typing import Any

from ops.dlq.decode import DeadLetter
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.plan import plan_redrive
from ops.dlq.readers import VISIBILITY_TIMEOUT
from ops.dlq.redrive import RedriveResult, Tally
from ops.dlq.target_input import NotRedrivableError
from ops.output import MAX_REASON, one_line, printable

BAR_WIDTH = 30


def progress_bar(done: int, of: int) -> str:
    """Return the progress of a redrive. SQS's total is approximate, so it may grow."""
    of = max(done, of)
    full = BAR_WIDTH * done // of if of else 0
    return f"[{'#' * full}{'.' * (BAR_WIDTH - full)}] {done} of {of}"


def describe_plan(dead_letter: DeadLetter, sink: FailureSink) -> str:
    """Return the action that a redrive would take for a dead letter, or why it cannot."""
    try:
        return f"would {plan_redrive(dead_letter, sink)}"
    except NotRedrivableError as reason:
        return f"cannot: {reason}"


UNSEEN = (
    "cannot be seen now: others read them (a command that was killed keeps them for"
    f" {VISIBILITY_TIMEOUT // 60} minutes), or they wait behind ten of their group"
)


def not_received(number: int) -> str:
    """Return a text: the sink has more dead letters that cannot be received now, and why."""
    return f"{number} more {UNSEEN}"


def tally_as_text(tally: Tally, *, done: bool, word: str = "moved") -> str:
    """Return a summary, with a line for each dead letter that was not moved.

    In a dry run (not ``done``), each dead letter that would be moved has a line, too. ``word`` is
    the verb for a moved dead letter.
    """
    lines = [
        f"{result.sink.name}  {printable(result.dead_letter.message.id)}\n"
        f"  {one_line(_outcome(result, word), max_length=MAX_REASON)}"
        for result in tally.results
        if not (done and result.moved)
    ]
    if tally.in_progress is not None:
        id = printable(tally.in_progress.message.id)
        lines.append(f"{id} was being {word}: it may be done twice")
    lines += [
        f"{name}  not processed: {one_line(why, max_length=MAX_REASON)}"
        for name, why in tally.unreadable.items()
    ]
    if tally.not_received:
        lines.append(not_received(tally.not_received))
    if tally.not_reached:
        lines.append(f"{tally.not_reached} were not reached: run it again")
    if tally.came:
        lines.append(f"{tally.came} more came meanwhile, or failed again: see why with dlq show")
    twins = f"{len(tally.twins)} were twins of these, " if tally.twins else ""
    counts = f"{twins}{tally.failed} could not be, {tally.skipped} were left"
    if done:
        return "\n".join([*lines, f"{tally.moved} {word}, {counts}"])
    do_it = "; to do it, add --yes" if tally.moved else ""
    return "\n".join([*lines, f"{tally.moved} would be {word}, {counts}{do_it}"])


def tally_as_json(tally: Tally) -> dict[str, Any]:
    """Return the tally as JSON, for scripts."""
    return {
        "moved": tally.moved,
        "twins": list(tally.twins),
        "failed": tally.failed,
        "skipped": tally.skipped,
        "came": tally.came,
        "not_received": tally.not_received,
        "not_reached": tally.not_reached,
        "unreadable": tally.unreadable,
        "in_progress": tally.in_progress and tally.in_progress.message.id,
        "records": [
            {
                "queue": result.sink.name,
                "id": result.dead_letter.message.id,
                "moved": result.moved,
                "action": result.action and str(result.action),
                "error": result.error,
            }
            for result in tally.results
        ],
    }


def _outcome(result: RedriveResult, word: str) -> str:
    if result.error:
        return f"not {word}: {result.error}"
    return describe_plan(result.dead_letter, result.sink)
