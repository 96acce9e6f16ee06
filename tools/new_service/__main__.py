"""``python -m tools.new_service NAME EVENT``: write a service, and list it.

It writes the service's own files, a line of ``app.py`` and a row in tables of pages, and then
generates what is made from the templates. The author has to edit the texts of the rows.
"""

import subprocess
import sys
from pathlib import Path

from tools.new_service.plan import InvalidServiceError, changed_files, names, new_files

ROOT = Path(__file__).resolve().parents[2]
PYTHON = [sys.executable, "-m"]
GENERATED = (
    [*PYTHON, "tools.event_docs"],
    [*PYTHON, "bench.costs", "--write"],
    [*PYTHON, "bench.scaling", "--write"],
    [*PYTHON, "bench.pictures"],
    [*PYTHON, "pytest", "-q", "--snapshot-update"]
    + [f"tests/templates/test_{name}.py" for name in ("snapshots", "logical_ids")],
)
"""What is made from the templates: each command is also what a failing test names."""


def main(arguments: list[str]) -> int:
    """Write the service; return 2 if it cannot be written.

    With ``--sources-only``, generated files are left as they are.
    """
    generated = () if arguments[2:] == ["--sources-only"] else GENERATED
    arguments = arguments[:2]
    if not all(arguments) or len(arguments) != 2:
        sys.stderr.write("make service NAME=loyalty EVENT=OrderDispatched\n")
        return 2
    try:
        named = names(ROOT, *arguments)
    except InvalidServiceError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    files = new_files(named)
    for path, text in {**files, **changed_files(ROOT, named)}.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text)
        _say(path)
    sources = [path for path in (*files, "app.py") if path.endswith(".py")]
    _run([*PYTHON, "ruff", "check", "--fix-only", "--quiet", *sources])
    _run([*PYTHON, "ruff", "format", "--quiet", *sources])
    for command in generated:
        _say(" ".join(["python", *command[1:]]))
        _run(command)
    _say(f"Now make check. lambdas/{named['name']}/README.md says what to change first.")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _run(command: list[str]) -> None:
    subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
