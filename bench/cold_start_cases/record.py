"""Print which AWS clients and packages a handler has once it is imported: `record.py HANDLER`."""

import importlib
import json
import sys
from typing import Any
from unittest.mock import patch

from botocore.session import Session

PACKAGES = {"fpdf": "fpdf", "pg8000": "pg8000.native"}
"""The packages of layers, and what a function imports of them."""


def main(handler: str) -> None:
    """Import the handler's module, and print a JSON object."""
    made: list[str] = []
    make = Session.create_client

    def create_client(self: Session, service: str, **options: Any) -> object:
        made.append(service)
        return make(self, service, **options)

    patch.object(Session, "create_client", create_client).start()
    importlib.import_module(handler.rpartition(".")[0])
    packages = [name for package, name in PACKAGES.items() if package in sys.modules]
    print(json.dumps({"clients": sorted(made), "packages": packages}))


if __name__ == "__main__":
    main(sys.argv[1])
