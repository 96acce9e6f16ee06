"""Print what each handler imports beyond botocore and a client, as JSON: run as a process.

Each is imported in a fork of its own, with settings and clients that are never used.
"""

import importlib
import json
import os
import sys
from pathlib import Path
from unittest.mock import patch

import botocore.session

ROOT = Path(__file__).resolve().parents[2]
OWN = ("lambdas", "simulators")


def handlers() -> list[str]:
    """The modules with a handler."""
    return [
        file.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for package in OWN
        for file in sorted((ROOT / package).glob("*/*.py"))
        if "def handler(event" in file.read_text()
    ]


def imports(module: str, before: set[str]) -> dict[str, list[str]]:
    """What importing a module adds: modules of ours, of the standard library, and packages."""
    importlib.import_module(module)
    added = set(sys.modules) - before
    own = {name for name in added if name.startswith(OWN)}
    standard = {name for name in added if name.partition(".")[0] in sys.stdlib_module_names}
    packages = {name.partition(".")[0] for name in added - own - standard}
    return {"own": sorted(own), "standard": sorted(standard), "packages": sorted(packages)}


def main() -> None:
    os.environ.update(
        AWS_DEFAULT_REGION="eu-west-1", AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x"
    )
    session = botocore.session.get_session()
    session.create_client("dynamodb")
    patch.object(botocore.session.Session, "create_client").start()
    patch("lambdas.runtime.settings.setting", lambda name: "1").start()
    before = set(sys.modules) - {name for name in sys.modules if name.startswith(OWN)}
    for module in handlers():
        if os.fork() == 0:
            sys.stdout.write(json.dumps({"module": module} | imports(module, before)) + "\n")
            sys.stdout.flush()
            os._exit(0)
        os.wait()


if __name__ == "__main__":
    main()
