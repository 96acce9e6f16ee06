"""Pages about dead letters: all failure sinks, one sink, and the actions on its messages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lambdas.orders.domain import is_order_id
from ops.commands.dlq_list import source_of, target_of
from ops.commands.dlq_show import summary
from ops.commands.options import DEFAULT_PER_SECOND
from ops.console.code_places import failed_code
from ops.console.guard import form_of
from ops.console.page import NO_ANSWER, console_of, page
from ops.deployed import OperationError
from ops.dlq.decode import DeadLetter
from ops.dlq.discovery import find_failure_sinks
from ops.dlq.failure_sinks import FailureSink, Mechanism
from ops.dlq.peek import lease_dead_letters, measure_all
from ops.dlq.purge import Purged, purge
from ops.dlq.readers import Depth, reader_for
from ops.dlq.redrive import Tally
from ops.dlq.report import describe_plan
from ops.dlq.runner import prepare_redrive
from ops.dlq.selection import find_sink, require_found
from ops.dlq.templates import FUNCTION, MACHINE, QUEUE, Resource, Templates

MAX_SHOWN = 100
"""How many dead letters of a sink are shown at a time."""
VERBS = {"redrive": "moved", "repair": "repaired", "purge": "deleted"}
"""What can be done with dead letters, and what is said of one with which it was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkRow:
    """A failure sink in the list."""

    sink: FailureSink
    depth: Depth | None
    """None if the operator may not read it, or it is gone."""

    @property
    def total(self) -> int:
        """How many messages or objects the sink has."""
        return self.depth.total if self.depth else 0

    @property
    def routes(self) -> Sequence[tuple[str, str]]:
        """The source of each route into the sink, and the target of a redrive."""
        return [(source_of(route), target_of(route)) for route in self.sink.routes]


def list_sinks(request: Request) -> Response:
    """Show every failure sink with its depth."""
    console = console_of(request)
    sinks = find_failure_sinks(console.deployed.templates())
    depths, unreadable = measure_all(
        {sink.name: reader_for(sink, console.deployed.client) for sink in sinks}
    )
    rows = [SinkRow(sink=sink, depth=depths.get(sink.name)) for sink in sinks]
    context = {
        "full": [row for row in rows if row.total or row.depth is None],
        "empty": [row for row in rows if row.depth and not row.total],
        "holding": sum(row.total > 0 for row in rows),
        "all": len(rows),
        "letters": sum(row.total for row in rows),
        "unreadable": unreadable,
    }
    return page(request, "dead_letters.html", context)


def show_sink(request: Request) -> Response:
    """Show the dead letters of a sink, decoded."""
    sink, deployed = _sink(request), console_of(request).deployed
    reader, templates = reader_for(sink, deployed.client), deployed.templates()
    dead_letters = lease_dead_letters(sink, reader, limit=MAX_SHOWN)
    context = {
        "sink": sink,
        "routes": SinkRow(sink=sink, depth=None).routes,
        "letters": [_letter(each, sink, templates) for each in dead_letters],
        "hidden": max(reader.depth().total - len(dead_letters), 0),
        "verb": _mover(sink),
    }
    return page(request, "sink.html", context)


def plan(request: Request) -> Response:
    """Show what would be done with the selected dead letters. This is a dry run."""
    return _do(request, execute=False)


def run(request: Request) -> Response:
    """Do what was shown and confirmed with the selected dead letters."""
    if not console_of(request).may_write:
        raise OperationError("this console only reads: start it with --write")
    return _do(request, execute=True)


def _do(request: Request, *, execute: bool) -> Response:
    form, sink = form_of(request), _sink(request)
    (verb,), ids = form.get("verb", [""]), form.get("id", [])
    if verb not in VERBS or not ids:
        raise OperationError("choose at least one dead letter")
    outcome = _purge if verb == "purge" else _redrive
    outcomes = outcome(request, sink, ids, execute=execute)
    possible = {id for id, _, error in outcomes if not error}
    return page(
        request,
        "outcome.html",
        {
            "sink": sink,
            "verb": verb,
            "done": VERBS[verb],
            # A twin stands in another queue, and goes with the one that was chosen.
            "chosen": [id for id in ids if id in possible],
            "executed": execute,
            "outcomes": outcomes,
            "possible": sum(not error for _, _, error in outcomes),
        },
    )


def _redrive(
    request: Request, sink: FailureSink, ids: Sequence[str], *, execute: bool
) -> list[tuple[str, str, str]]:
    """Return each dead letter's id, its action, and the reason why it cannot be done, if any."""
    redrive = prepare_redrive([sink], console_of(request).deployed)
    tally: Tally = redrive.tally
    try:
        redrive.run(
            is_selected=lambda dead_letter: dead_letter.message.id in ids,
            per_second=DEFAULT_PER_SECOND,
            execute=execute,
        )
    except NO_ANSWER as error:
        if execute:
            moved = [result.dead_letter.message.id for result in tally.results if result.moved]
            _note_done(error, moved, "moved")
            if tally.in_progress is not None:
                id = tally.in_progress.message.id
                error.add_note(f"{id} was being moved: it may be done twice")
        raise
    found = [
        (result.dead_letter.message.id, str(result.action or ""), result.error)
        for result in tally.results
    ]
    found += [(id, "delete the twin of another", "") for id in tally.twins]
    found += [("", "", why) for why in tally.unreadable.values()]
    require_found(() if tally.unreadable else ids, [id for id, *_ in found])
    return found


def _purge(
    request: Request, sink: FailureSink, ids: Sequence[str], *, execute: bool
) -> list[tuple[str, str, str]]:
    purged = Purged()
    try:
        purge(sink, console_of(request).deployed, ids, purged, execute=execute)
    except NO_ANSWER as error:
        _note_done(error, purged.deleted, "deleted")
        raise
    found = [(each.message.id, f"delete {summary(each.event)}", "") for each in purged.dead_letters]
    twins = [(twin.message.id, f"delete the twin in {at.name}", "") for at, twin in purged.twins]
    return found + twins


def _note_done(error: Exception, ids: Sequence[str], done: str) -> None:
    """Let the error's page say what was done before it."""
    if ids:
        error.add_note(f"before that, {', '.join(ids)} {'was' if len(ids) == 1 else 'were'} {done}")


def _sink(request: Request) -> FailureSink:
    sinks = find_failure_sinks(console_of(request).deployed.templates())
    return find_sink(sinks, f"{request.path_params['service']}/{request.path_params['name']}")


def _mover(sink: FailureSink) -> str:
    """Return the action for a sink's dead letters: redrive, or repair for those of a saga."""
    return "repair" if sink.routes_by(Mechanism.SAGA) else "redrive"


def _letter(dead_letter: DeadLetter, sink: FailureSink, templates: Templates) -> dict[str, Any]:
    failed = next(_failed(dead_letter, sink, templates), None)
    return {
        "dead_letter": dead_letter,
        "where": failed.name if failed else dead_letter.failed_at,
        "code": failed_code(failed, templates) if failed else None,
        "order": order_id_in(dead_letter.event),
        "summary": summary(dead_letter.event),
        "plan": describe_plan(dead_letter, sink),
    }


def _failed(dead_letter: DeadLetter, sink: FailureSink, templates: Templates) -> Iterator[Resource]:
    """Yield the resources that failed: those that the dead letter names, or its only route's."""
    if dead_letter.failed_at:
        kinds = (FUNCTION, MACHINE, QUEUE)
        yield from (r for r in templates.resources(*kinds) if r.matches_arn(dead_letter.failed_at))
    targets = {route.target for route in sink.routes if route.target}
    if len(targets) == 1:
        yield from targets


def order_id_in(event: Any) -> str | None:
    """Return the first order id in an event, by the field's name."""
    match event:
        case {"order_id": str(id)} if is_order_id(id):
            return id
        case dict():
            return next(filter(None, map(order_id_in, event.values())), None)
        case list():
            return next(filter(None, map(order_id_in, event)), None)
    return None


BASE = "/dead-letters/{service}/{name}"
ROUTES = [
    Route("/dead-letters", list_sinks),
    Route(BASE, show_sink),
    Route(f"{BASE}/plan", plan, methods=["POST"]),
    Route(f"{BASE}/run", run, methods=["POST"]),
]
