"""The command runs every check, and ends with 1 only when one forbids the deployment."""

import json
from pathlib import Path
from typing import Any

import pytest

from ops import __main__ as main
from ops.preflight import run
from ops.preflight.findings import Check, Finding, Preflight
from tests.unit.ops.account_fakes import (
    FakeDeployed,
    answering,
    client_error,
    fake_client,
    raising,
    template,
)
from tests.unit.ops.preflight_templates import NOTE, STOP


def refused(of: Preflight) -> Any:
    """Something."""
    yield from raising(client_error("AccessDenied"))()


def forbidden(of: Preflight) -> Any:
    """Something else."""
    yield Finding(STOP, "it would fail")


DEPLOYED: Any = FakeDeployed(
    clients={
        "sts": fake_client(
            get_caller_identity=answering(
                Account="123456789012", Arn="arn:aws:iam::123456789012:user/ada"
            )
        )
    }
)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(main, "deployed", lambda _: DEPLOYED)
    (tmp_path / "Orders-Dev-A.template.json").write_text(json.dumps(template()))
    return tmp_path


def test_check_that_cannot_be_made_is_a_note_and_the_others_go_on(environment: Path):
    first, *others = run.run_checks(DEPLOYED, environment, [refused, forbidden])

    assert first.text.startswith("account 123456789012 in eu-west-1, as arn:")
    assert [each.verdict for each in others] == [NOTE, STOP]
    assert others[0].text.startswith("not checked: Something (An error occurred (AccessDenied)")


@pytest.mark.parametrize(
    ("checks", "options", "code"),
    [([forbidden], [], 1), ([forbidden], ["--anyway"], 0), ([refused], [], 0)],
)
def test_command_ends_with_1_only_when_something_forbids_the_deployment(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: Path,
    checks: list[Check],
    options: list[str],
    code: int,
):
    monkeypatch.setattr(
        "ops.commands.preflight.run_checks",
        lambda deployed, templates: run.run_checks(deployed, templates, checks),
    )
    monkeypatch.setattr("sys.argv", ["ops", "preflight", "--templates", str(environment), *options])

    assert main.main() == code

    shown = [line[:6] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["fine  ", "stop  " if forbidden in checks else "note  "]
