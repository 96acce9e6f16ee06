"""A command that has nothing to play does not say that every promise held."""

import sys
from collections.abc import Callable

import pytest

from simulation import __main__ as seeds
from simulation import every_fault, mutants


@pytest.mark.parametrize(
    ("main", "arguments", "named"),
    [
        (seeds.main, ["--seeds", "0"], "--seeds"),
        (every_fault.main, ["--story", "nosuch"], "dispatched, Standard"),
        (mutants.main, ["nosuch"], "nosuch"),
    ],
)
def test_nothing_to_play_is_an_error(
    main: Callable[[], int],
    arguments: list[str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(sys, "argv", ["simulation", *arguments])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert named in capsys.readouterr().err
