"""Check of the update's effects on what is deployed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from ops.changes.compare import FUNCTION, QUEUE, Change, Effect, compare
from ops.preflight.findings import Finding, Preflight, fine, note, stop

NUMBERS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def check_changes(preflight: Preflight) -> Iterator[Finding]:
    """What would be refused, lost, opened for a moment, or replaced."""
    if not preflight.there.by_stack:
        yield fine("nothing is deployed that could be replaced or lost")
        return
    changes = compare(preflight.there.by_stack, preflight.wanted)
    callers = {
        function: stacks
        for function, stacks in _foreign_callers(preflight).items()
        if function[1] not in preflight.wanted.get(function[0], {"Resources": {}})["Resources"]
    }
    for change in changes:
        yield _judge(change, preflight)
    for (stack, id), others in sorted(callers.items()):
        yield stop(
            f"refused: {stack}/{id} (Lambda::Function) would be deleted, and "
            f"{', '.join(sorted(others))} calls it until it is deployed as well: keep it for one "
            "more release"
        )
    if not changes and not callers:
        yield fine("the update replaces, loses and opens nothing")


def _judge(change: Change, preflight: Preflight) -> Finding:
    if change.effect is Effect.REFUSED:
        return stop(str(change))
    if change.effect is not Effect.LOST or not preflight.keeps_data:
        return note(str(change))
    if change.kind == QUEUE and (messages := _messages(change, preflight)) is not None:
        return (
            stop(f"{change}; {messages} messages wait in it")
            if messages
            else note(f"{change}; it is empty")
        )
    return stop(str(change))


def _messages(change: Change, preflight: Preflight) -> int | None:
    """Return the number of messages in a deployed queue; None if it is not deployed."""
    for queue in preflight.there.resources(QUEUE):
        if (queue.stack, queue.id) == (change.stack, change.id):
            found = preflight.client("sqs").get_queue_attributes(
                QueueUrl=queue.physical, AttributeNames=list(NUMBERS)
            )["Attributes"]
            return sum(int(found.get(number, 0)) for number in NUMBERS)
    return None


def _foreign_callers(preflight: Preflight) -> Mapping[tuple[str, str], set[str]]:
    """Return each function that other deployed stacks refer to, with the names of these stacks."""
    callers = defaultdict(set)
    for stack, template in preflight.there.by_stack.items():
        for found in preflight.there.references(stack, template["Resources"]):
            if found.kind == FUNCTION and found.stack != stack:
                callers[found.stack, found.id].add(stack)
    return callers
