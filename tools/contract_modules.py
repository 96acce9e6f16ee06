"""The modules of the contracts, and the classes that each declares."""

import importlib
import pkgutil
from types import ModuleType

import lambdas.contracts


def services() -> dict[str, ModuleType]:
    """Return the contracts' module of each service, by the service's name."""
    modules = {
        found.name: importlib.import_module(f"{lambdas.contracts.__name__}.{found.name}")
        for found in pkgutil.iter_modules(lambdas.contracts.__path__)
    }
    return {name: module for name, module in modules.items() if hasattr(module, "SOURCE")}


def declared(module: ModuleType, base: type) -> list[type]:
    """Return the subclasses of ``base`` that a service's module declares, in that order."""
    return [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, base) and kind.__module__ == module.__name__
    ]
