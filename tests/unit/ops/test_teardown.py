"""Before an environment is destroyed: buckets are emptied, forgotten stacks deleted, data kept."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops import __main__ as main
from tests.unit.ops.account_fakes import FakeDeployed, fake_client, template

BUCKET = {"Type": "AWS::S3::Bucket"}
THERE = {
    "Orders-Dev-Boxes": template(
        Bucket12345678=BUCKET, Kept12345678={**BUCKET, "DeletionPolicy": "RetainExceptOnCreate"}
    ),
    "Orders-Dev-Disputes": template(),
}


class Account:
    """Buckets with objects, and stacks; it records what is deleted."""

    def __init__(self, *, refused: bool = False) -> None:
        self.deleted: list[Any] = []
        self._refused = refused
        versions = {"Key": "invoices/1", "VersionId": "null"}, {"Key": "2", "VersionId": "v"}
        self.clients = {
            "s3": fake_client(
                {
                    "list_object_versions": [
                        {"Versions": versions[:1], "DeleteMarkers": versions[1:]}
                    ]
                },
                delete_objects=self._delete_objects,
            ),
            "cloudformation": fake_client(
                delete_stack=lambda StackName: self.deleted.append(StackName),  # noqa: N803
                get_waiter=lambda name: SimpleNamespace(
                    wait=lambda StackName: self.deleted.append((name, StackName))  # noqa: N803
                ),
            ),
        }

    def _delete_objects(self, *, Bucket: str, Delete: Mapping[str, Any]) -> Any:  # noqa: N803
        self.deleted.append((Bucket, [each["Key"] for each in Delete["Objects"]]))
        errors = [{"Key": "2", "Message": "Access Denied"}] if self._refused else []
        return {"Errors": errors}


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    (tmp_path / "Orders-Dev-Boxes.template.json").write_text(json.dumps(template()))
    return tmp_path


def teardown(
    monkeypatch: pytest.MonkeyPatch, account: Account, templates: Path, *options: str
) -> int:
    deployed = FakeDeployed(clients=account.clients, stacks=THERE)
    monkeypatch.setattr(main, "deployed", lambda _: deployed)
    monkeypatch.setattr("sys.argv", ["ops", "teardown", "--templates", str(templates), *options])
    return main.main()


def test_teardown_without_yes_lists_what_would_be_lost_and_what_stays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], templates: Path
):
    account = Account()

    assert teardown(monkeypatch, account, templates) == 0

    assert account.deleted == []
    assert capsys.readouterr().out.splitlines() == [
        "empty the bucket boxes/Bucket (bucket12345678)",
        "delete the stack Orders-Dev-Disputes: it is no longer configured",
        "keep 1 resources, and their bill: python -m ops retained lists them",
    ]


def test_teardown_with_yes_empties_buckets_and_deletes_forgotten_stacks(
    monkeypatch: pytest.MonkeyPatch, templates: Path
):
    account = Account()

    assert teardown(monkeypatch, account, templates, "--yes") == 0

    assert account.deleted == [
        ("bucket12345678", ["invoices/1", "2"]),
        "Orders-Dev-Disputes",
        ("stack_delete_complete", "Orders-Dev-Disputes"),
    ]


def test_object_that_cannot_be_deleted_is_named_and_no_stack_is_deleted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], templates: Path
):
    account = Account(refused=True)

    assert teardown(monkeypatch, account, templates, "--yes") == 2

    assert capsys.readouterr().err == "bucket12345678 keeps 1 objects, such as 2: Access Denied\n"
    assert "Orders-Dev-Disputes" not in account.deleted


@pytest.mark.parametrize(("answer", "code", "calls"), [("dev", 0, 3), ("no", 1, 0)])
def test_teardown_with_ask_needs_the_name_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, templates: Path, answer: str, code: int, calls: int
):
    account = Account()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", lambda _: answer)

    assert teardown(monkeypatch, account, templates, "--ask") == code

    assert len(account.deleted) == calls


def test_teardown_without_a_terminal_asks_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], templates: Path
):
    account = Account()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))

    assert teardown(monkeypatch, account, templates, "--ask") == 2

    assert "make destroy YES=1" in capsys.readouterr().err
    assert account.deleted == []
