"""The page to practise on, on a laptop only: place orders, break something, put it back."""

from collections.abc import Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ops.console.guard import form_of
from ops.console.page import Console, console_of, page
from ops.deployed import OperationError
from ops.dlq.discovery import find_failure_sinks
from ops.faults import (
    FAULTS_WHILE_DISPATCHING,
    FAULTS_WHILE_PLACING,
    SLOW_SECONDS,
    Denials,
    InjectedFault,
    SlowCardProvider,
)
from ops.play import BAD_QUEUE, BAD_QUEUES_SINK, KINDS, MAX_ORDERS, Player

MAX_DIGITS = 9
FAULTS: Sequence[InjectedFault] = (*FAULTS_WHILE_PLACING, *FAULTS_WHILE_DISPATCHING)


def show_play(request: Request) -> Response:
    """Show what can be placed and broken, and what is broken now."""
    return _page(request, _local(request), placed=[])


def place(request: Request) -> Response:
    """Place orders, and show their ids."""
    console, form = _local(request), form_of(request)
    kind, count = form.get("kind", [""])[0], form.get("count", ["1"])[0]
    number = _number(count)
    if kind not in KINDS or number is None or not 1 <= number <= MAX_ORDERS:
        raise OperationError(f"choose what becomes of the orders, and 1 to {MAX_ORDERS} of them")
    return _page(request, console, placed=_player(request).place(kind, number))


def deny(request: Request) -> Response:
    """Deny a permission."""
    console, fault = _local(request), _fault(request)
    _denials(console).deny(fault)
    return RedirectResponse("/play", 303)


def permit(request: Request) -> Response:
    """Permit it again."""
    console, fault = _local(request), _fault(request)
    _denials(console).permit(fault)
    return RedirectResponse("/play", 303)


def slow_down(request: Request) -> Response:
    """Let the card provider answer too late."""
    _provider(_local(request)).slow_down()
    return RedirectResponse("/play", 303)


def put_back(request: Request) -> Response:
    """Let the card provider answer at once again."""
    _provider(_local(request)).put_back()
    return RedirectResponse("/play", 303)


def send_bad_message(request: Request) -> Response:
    """Send a message that its consumer cannot parse."""
    _local(request)
    _player(request).send_bad_message()
    return RedirectResponse("/play", 303)


def _page(request: Request, console: Console, *, placed: Sequence[str]) -> Response:
    denials, counts = _denials(console), console.counts.now()
    sinks = find_failure_sinks(console.deployed.templates())
    context: dict[str, Any] = {
        "kinds": KINDS,
        "most": MAX_ORDERS,
        "product": _player(request).product(),
        "placed": placed,
        "faults": [(number, each, denials.is_active(each)) for number, each in enumerate(FAULTS)],
        "is_slow": _provider(console).is_active(),
        "slow_seconds": SLOW_SECONDS,
        "bad_queue": BAD_QUEUE,
        "bad_queues_sink": BAD_QUEUES_SINK,
        "dead": [(each.name, counts[each.name]) for each in sinks if counts.get(each.name)],
    }
    return page(request, "play.html", context)


def _local(request: Request) -> Console:
    """Return the console, if nobody else's orders are on what it shows."""
    console = console_of(request)
    if not console.is_local:
        raise HTTPException(404, "only a platform on this machine is there to be broken")
    return console


def _player(request: Request) -> Player:
    state = request.app.state
    if not hasattr(state, "player"):
        state.player = Player(deployed=console_of(request).deployed)
    player: Player = state.player
    return player


def _denials(console: Console) -> Denials:
    return Denials(console.deployed.client, console.deployed.templates())


def _provider(console: Console) -> SlowCardProvider:
    return SlowCardProvider(console.deployed.client, console.deployed.templates())


def _fault(request: Request) -> InjectedFault:
    number = _number(form_of(request).get("fault", [""])[0])
    if number is None or number >= len(FAULTS):
        raise OperationError("there is no such fault")
    return FAULTS[number]


def _number(text: str) -> int | None:
    """Return the number of a form's field; None if it is none, or too long: Python refuses that."""
    return int(text) if text.isdecimal() and len(text) <= MAX_DIGITS else None


ROUTES = [
    Route("/play", show_play),
    Route("/play/orders", place, methods=["POST"]),
    Route("/play/deny", deny, methods=["POST"]),
    Route("/play/permit", permit, methods=["POST"]),
    Route("/play/slow", slow_down, methods=["POST"]),
    Route("/play/prompt", put_back, methods=["POST"]),
    Route("/play/message", send_bad_message, methods=["POST"]),
]
