"""The known bugs that the simulation has to find."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from simulation.known_bugs import MUTANTS
from simulation.mutant import Mutant
from simulation.mutants import Finder


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutants_guard_is_in_the_code(mutant: Mutant) -> None:
    spec = find_spec(mutant.module)

    assert spec and spec.origin
    assert Path(spec.origin).read_text().count(mutant.guard) == 1


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_valid_code_of_that_module_only(mutant: Mutant) -> None:
    finder = Finder(mutant)
    package = mutant.module.rpartition(".")[0]
    folder = find_spec(package)
    assert folder

    spec = finder.find_spec(mutant.module, folder.submodule_search_locations)

    assert spec and spec.loader
    assert spec.loader.get_code(mutant.module)  # type: ignore[attr-defined]
    assert finder.find_spec("lambdas.orders.api", None) is None
