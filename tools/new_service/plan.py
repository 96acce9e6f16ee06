"""The files of a new service, and its lines in files that services share."""

import re
from collections.abc import Mapping
from pathlib import Path
from string import Template

from lambdas.contracts.event import Event
from stacks.names import service_of
from tools.contract_modules import services

FILES = Path(__file__).with_name("files")
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
RESERVED = ("constructs", "contracts", "runtime", "environments", "names")


class InvalidServiceError(Exception):
    """The service cannot be written; the message says why, and what to do."""


def find_event(name: str) -> tuple[str, type[Event]]:
    """Return the module of the event's contract, and its class.

    Raises:
        InvalidServiceError: there is no such event, or no rule matches it.
    """
    known = {event.__name__: (m, event) for m, c in services().items() for event in c.EVENTS}
    if name not in known:
        raise InvalidServiceError(f"EVENT={name}: there is none. Known: {', '.join(sorted(known))}")
    module, event = known[name]
    if event.topic:
        raise InvalidServiceError(
            f"EVENT={name}: it is on an SNS FIFO topic, not on the bus;"
            " docs/how-to/add-a-queue-consumer.md has a consumer of its messages"
        )
    return module, event


def names(root: Path, name: str, event_name: str) -> dict[str, str]:
    """Return the names that the templates of the files need.

    Raises:
        InvalidServiceError: the service's name is not valid or is taken, or the event is unknown.
    """
    if not NAME.fullmatch(name) or name in RESERVED:
        raise InvalidServiceError(f"NAME={name}: it must be such as loyalty or gift_cards")
    if (root / "lambdas" / name).exists() or (root / "stacks" / f"{name}.py").exists():
        raise InvalidServiceError(f"NAME={name}: there is such a service already")
    module, event = find_event(event_name)
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", event_name).lower()
    pascal = name.title().replace("_", "")
    return {
        "name": name,
        "Name": pascal,
        "Title": name.replace("_", " ").capitalize(),
        "service": service_of(f"-{pascal}"),
        "module": module,
        "Event": event_name,
        "subject": event.subject_field.removesuffix("_id") or "subject",
        "handler": f"record_{words}",
        "Handler": f"Record{event_name}",
    }


def new_files(named: Mapping[str, str]) -> dict[str, str]:
    """Return the contents of the service's own files, by path."""
    name, handler = named["name"], named["handler"]
    paths = {
        f"stacks/{name}.py": "stack",
        f"lambdas/{name}/__init__.py": "init",
        f"lambdas/{name}/domain.py": "domain",
        f"lambdas/{name}/store.py": "store",
        f"lambdas/{name}/{handler}.py": "handler",
        f"lambdas/{name}/README.md": "readme",
        f"tests/unit/{name}/__init__.py": "test_init",
        f"tests/unit/{name}/test_{handler}.py": "test_domain",
    }
    return {
        path: Template((FILES / f"{file}.txt").read_text()).substitute(named).lstrip()
        for path, file in paths.items()
    }


ROWS = {
    "README.md": {
        "| service | stack | code | private database |": "| $service: keeps the last $Event of each"
        " $subject | [`stacks/$name.py`](stacks/$name.py) | [`lambdas/$name`](lambdas/$name)"
        " | DynamoDB |",
    },
    "docs/architecture.md": {
        "| service | does | private database | what others call |": "| [$name](../stacks/$name.py)"
        " | keeps the last $Event of each $subject | DynamoDB: `Records` | |",
        "| rule | stack | matches | target |": "| `$Handler` | $service | $Event | `$handler` |",
    },
    "docs/operations.md": {
        "| queue | holds | before a redrive |": "| `${Handler}DeadLetters`, `$Handler…Undelivered`"
        " ($service) | events that are not in the service's table | nothing: an older event never"
        " replaces a newer one |",
    },
}
"""By page and head of a table, the row that a service adds to the table's end."""


def changed_files(root: Path, named: Mapping[str, str]) -> dict[str, str]:
    """Return the new contents of the files that services share, by path."""
    changed = {"app.py": with_stack((root / "app.py").read_text(), named)}
    for page, rows in ROWS.items():
        text = (root / page).read_text()
        for head, row in rows.items():
            text = with_row(text, head, Template(row).substitute(named))
        changed[page] = text
    return changed


def with_stack(app: str, named: Mapping[str, str]) -> str:
    """Return the source of the app with the service's stack in it."""
    name, pascal = named["name"], named["Name"]
    first, last = "from stacks.", "    if env.keep_data:\n"
    stack = f"    {pascal}Stack(app, env=env, bus=backbone.bus, alarms=operations.topic)\n"
    imported = f"from stacks.{name} import {pascal}Stack\n"
    return app.replace(first, f"{imported}{first}", 1).replace(last, f"{stack}{last}", 1)


def with_row(page: str, head: str, row: str) -> str:
    """Return a page with the row at the end of the table that has this head."""
    start = page.index(f"{head}\n")
    end = f"{page}\n".index("\n\n", start)
    return f"{page[:end]}\n{row}{page[end:]}"
