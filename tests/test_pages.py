"""What a page points to is there, and every stack and decision is pointed to."""

import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest

from demo.guide import EXPORTED, FUNCTIONS, variable
from ops.__main__ import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "how-to").glob("*.md")),
    *(page for top in ("lambdas", "workers") for page in sorted((ROOT / top).glob("*/README.md"))),
]
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(#[^)\s]*)?\)")
CODE_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
FOLDERS = (
    "bench",
    "docs",
    "demo",
    "emulator",
    "lambdas",
    "ops",
    "simulators",
    "simulation",
    "stacks",
    "tests",
    "tools",
    "workers",
)
INLINE_CODE = re.compile(r"`([^`]+)`")
PATH = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+)`")


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The files, and places in them, that a page links to."""
    for target, anchor in LINK.findall(CODE_BLOCK.sub("", page.read_text())):
        yield (page.parent / target if target else page).resolve(), anchor.lstrip("#")


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def is_there(target: Path, anchor: str) -> bool:
    return target.exists() and (not anchor or anchor in anchors(target))


@pytest.mark.parametrize("page", [*PAGES, *DECISIONS], ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert [link for link in links(page) if not is_there(*link)] == []
    assert [path for path in PATH.findall(page.read_text()) if not (ROOT / path).exists()] == []


NOT_A_STACK = ("__init__.py", "environments.py", "names.py", "sender.py", "setting_checks.py")


def test_every_stack_and_decision_is_linked_from_some_page() -> None:
    linked = {target for page in PAGES for target, _ in links(page)}
    stacks = [path for path in (ROOT / "stacks").glob("*.py") if path.name not in NOT_A_STACK]
    stacks += [path.parent for path in (ROOT / "stacks").glob("*/stack.py")]

    assert [path.name for path in [*stacks, *DECISIONS] if path not in linked] == []


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: decision.name)
def test_decision_begins_with_number_date_and_status(decision: Path) -> None:
    title, _, header, *_ = decision.read_text().splitlines()

    assert title.startswith(f"# {int(decision.name[:4])}. ")
    assert re.fullmatch(r"Date: \d{4}-\d\d-\d\d · Status: (Accepted|Superseded)\b.*", header)


def test_the_operators_page_has_every_verb_of_the_command() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()

    commands = [
        f"{noun} {verb}".strip()
        for noun, verbs in COMMANDS.items()
        for verb in (verbs if isinstance(verbs, Mapping) else [""])
    ]

    assert [command for command in commands if f"\n| `{command}" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_is_there(page: Path) -> None:
    text = page.read_text()
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    inline = [" ".join(each.split()) for each in INLINE_CODE.findall(CODE_BLOCK.sub("", text))]
    commands = "\n".join([*inline, *re.findall(r"```sh\n(.*?)```", text, re.DOTALL)])

    made = re.findall(r"(?:^|[;(] ?)make ([a-z-]+)", commands, re.MULTILINE)
    assert [target for target in made if target not in targets] == []
    modules = re.findall(r"python -m ((?:bench|demo|simulation|tools)[\w.]*)", commands)
    assert [name for name in modules if find_spec(name) is None] == []
    operated = re.findall(r"python -m ops ([a-z]\S*)(?: ([a-z]\S*))?", commands)
    assert [words for words in operated if not is_command(*words)] == []
    tested = " ".join(re.findall(r"pytest ((?:tests\S*\s?)+)", commands)).split()
    assert [path for path in tested if not (ROOT / path).exists()] == []


def is_command(noun: str, verb: str) -> bool:
    verbs = COMMANDS.get(noun, {})
    return noun in COMMANDS and (not isinstance(verbs, Mapping) or verb in verbs)


def test_the_tour_uses_what_its_shell_has() -> None:
    text = (ROOT / "docs" / "tour.md").read_text()
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    known = {variable(name) for name in EXPORTED} | set(re.findall(r"\b([A-Z]+)=", commands))

    assert set(re.findall(r"\$\{?([A-Z_]+)", commands)) <= known
    called = {word for word in ("api", "operator") if re.search(rf"(^|[({{] ?){word} ", commands)}
    assert called <= set(re.findall(r"^(\w+)\(\)", FUNCTIONS, re.MULTILINE))


def test_broken_link_is_found() -> None:
    assert not is_there(ROOT / "docs" / "nothing.md", "")
    assert not is_there(ROOT / "README.md", "nothing")
