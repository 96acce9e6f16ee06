"""Known bugs that are put back in. The simulation has to find each within a thousand seeds.

`python -m simulation.mutants` runs them one after another and prints after how many seeds each
broke a promise; with names, only those. It ends with 1 if one was not found.
"""

import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).resolve().parents[1]
SEEDS = 1_000


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug: in a module, the text ``guard`` is replaced by ``instead``."""

    name: str
    module: str
    guard: str
    instead: str


MUTANTS = (
    Mutant(
        "a shipment that has left is cancelled all the same",
        "lambdas.shipping.domain",
        "if shipment.state == ShipmentState.DISPATCHED:\n        raise",
        "if False:\n        raise",
    ),
    Mutant(
        "stock is reserved again for an order that has a reservation",
        "lambdas.inventory.store",
        '"ConditionExpression": "attribute_not_exists(order_id)",\n'
        '                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",',
        "",
    ),
    Mutant(
        "units are reserved that are not there",
        "lambdas.inventory.writes",
        'conditions.append(f"{name} >= :{name}_needed")\n            values',
        "{}",
    ),
    Mutant(
        "a batch moves the units of a reservation that was decided before",
        "lambdas.inventory.writes",
        '"ConditionExpression": "#state = :old",',
        '"ConditionExpression": "attribute_exists(order_id) AND :old = :old",',
    ),
    Mutant(
        "a cancellation during the saga is confirmed over",
        "stacks.constructs.saga.action_states",
        " AND attribute_not_exists({requested})",
        "",
    ),
    Mutant(
        "a claim is taken from an execution that is alive",
        "stacks.constructs.saga.definition",
        "OR {columns.claim_until} < :now)",
        "OR {columns.claim_until} > :now)",
    ),
    Mutant(
        "a refund that meets no charge leaves no tombstone",
        "lambdas.payments.charging",
        "charge = charges.find_or_create(tombstone(command.order_id))",
        "charge = tombstone(command.order_id)",
    ),
    Mutant(
        "a busy participant rejects the order",
        "stacks.constructs.saga.action_states",
        "*catch_failures(step.action.name, tasks.timeouts, next=DEFER),",
        '{"ErrorEquals": ["States.ALL"], "Next": "Undo", "Assign": {"reason": "TechnicalFailure",'
        ' "explanation": "busy", "undo_from": step.compensation.name}},',
    ),
    Mutant(
        "orders whose execution died are left alone",
        "lambdas.orders.stalled_orders",
        "return order.state in OPEN_STATES and (order.claim_until or 0) < now",
        "return False",
    ),
    Mutant(
        "the ledger's outbox is not swept",
        "lambdas.payments.outbox",
        "page = self._due_events()",
        "page = []",
    ),
    Mutant(
        "an order's row is written over what others wrote",
        "lambdas.orders.store",
        "rows = row_of(before), row_of(after)\n        return put_if_unchanged(\n"
        "            self._dynamodb, self._table, *rows, version_attributes=VERSION_ATTRIBUTES",
        "rows = row_of(before), row_of(after)\n        return put_if_unchanged(\n"
        '            self._dynamodb, self._table, *rows, version_attributes=("order_id",)',
    ),
)


class _Loader(SourceFileLoader):
    """Loads a module with its guard replaced."""

    def __init__(self, mutant: Mutant, spec: ModuleSpec) -> None:
        super().__init__(spec.name, str(spec.origin))
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the changed source's code; raise ValueError if it lacks the guard."""
        source = self.get_data(self.path).decode()
        if self._mutant.guard not in source:
            raise ValueError(f"{fullname} has no {self._mutant.guard!r}: change the mutant too")
        changed = source.replace(self._mutant.guard, self._mutant.instead)
        return compile(changed, self.path, "exec", dont_inherit=True)


class Finder(MetaPathFinder):
    """Finds the module of one mutant."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the changed module's spec; None for any other module."""
        if fullname != self._mutant.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec:
            spec.loader = _Loader(self._mutant, spec)
        return spec


def main() -> int:
    """Run the mutants that the arguments name; return the exit code."""
    parser = ArgumentParser(prog="python -m simulation.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="words of a mutant's name (default: all)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds each gets")
    arguments = parser.parse_args()
    chosen = [
        (number, mutant)
        for number, mutant in enumerate(MUTANTS)
        if not arguments.names or any(name in mutant.name for name in arguments.names)
    ]
    found = 0
    for number, mutant in chosen:
        command = [sys.executable, "-m", "simulation", "--mutant", str(number), "--no-shrink"]
        command += ["--seeds", str(arguments.seeds), "--stop", "--jobs", "1"]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        broken = ran.returncode == 1 and " seeds from " in ran.stdout
        found += broken
        lines = [line for line in ran.stdout.splitlines() if line.startswith("seed ")]
        failure = "not found" if ran.returncode == 0 else ran.stderr
        outcome = f"found by {lines[-1]}" if broken and lines else failure
        print(f"{mutant.name}: {outcome}", flush=True)
    print(f"{found} of {len(chosen)} mutants found, each within {arguments.seeds} seeds")
    return 0 if found == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
