import io
import os
import re
import shlex
import sqlite3
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from demo.guide import EXPORTED, explain
from demo.screen import Screen
from demo.up import STOCK, stock_shelf
from emulator.cloud import Cloud


class Cognito:
    def describe_user_pool_client(self, **_: str) -> Any:
        return {"UserPoolClient": {"ClientId": "ops", "ClientSecret": "s p"}}


class QuietCloud(Cloud):
    def client(self, service: str) -> Any:
        return Cognito()


def explained(directory: Path) -> tuple[str, dict[str, str], Path]:
    """Return what is printed, the shell's settings, and their file."""
    cloud = QuietCloud(
        endpoint="https://127.0.0.1:4566", certificate=directory / "crt", directory=directory
    )
    names = ["ApiUrl", "OperatorsClientId", "UserPoolId", *EXPORTED]
    names.append("OperatorsTokenUrl")
    outputs = {name: name for name in (*names, "UserPoolClientId")}
    customers = SimpleNamespace(password="pa'ss")
    run: Any = SimpleNamespace(cloud=cloud, outputs=outputs, customers=customers)
    out = io.StringIO()
    explain(
        run,
        Screen(out),
        customer="ada",
        line=("85123A", 255),
        console="http://127.0.0.1:1/enter?key=k",
    )
    (path,) = re.findall(r"^  \. (.+/env'?)$", out.getvalue(), re.MULTILINE)
    (path,) = shlex.split(path)
    exports = re.findall(r"^export .+$", Path(path).read_text(), re.MULTILINE)
    lines = [shlex.split(line)[1] for line in exports]
    return out.getvalue(), dict(line.split("=", 1) for line in lines), Path(path)


def test_settings_file_is_private_and_readable_by_a_shell(tmp_path: Path):
    _, settings, path = explained(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert settings["PASSWORD"] == "pa'ss"
    assert settings["OPERATORS_SECRET"] == "s p"
    assert settings["API"] == "ApiUrl"
    assert settings["ORDER_STREAM_NAME"] == "OrderStreamName"


def test_a_shell_reads_the_settings_and_has_the_calls_of_the_api(tmp_path: Path):
    directory = tmp_path / "it's a directory"
    directory.mkdir()
    shown, _, _ = explained(directory)
    (first,) = re.findall(r"^  (\. .+)$", shown, re.MULTILINE)
    said = subprocess.run(
        ["sh", "-c", f"{first} && command -v api && command -v operator && echo $EVENT_BUS"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["api", "operator", "EventBus"]


def test_no_secret_is_on_a_command_line_that_other_users_can_read(tmp_path: Path):
    _, settings, path = explained(tmp_path)
    record = """curl() { printf '%s\\n' "$*" >> arguments; cat >> input; echo "$answer"; }"""
    answer = '{"AccessToken": "customers-token", "access_token": "operators-token"}'
    subprocess.run(
        ["sh", "-c", f". {path}; {record}; api /orders; operator /sales; mails"],
        env={"PATH": os.defpath, "answer": answer},
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    arguments, given = (tmp_path / "arguments").read_text(), (tmp_path / "input").read_text()
    secrets = [settings[name] for name in ("PASSWORD", "OPERATORS_SECRET", "AWS_ACCESS_KEY_ID")]
    secrets += ["Bearer customers-token", "Bearer operators-token"]
    assert [secret for secret in secrets if secret in arguments] == []
    assert [secret for secret in secrets if secret not in given] == []


def test_address_of_the_console_is_shown_first(tmp_path: Path):
    shown, _, _ = explained(tmp_path)

    assert shown.index("  http://127.0.0.1:1/enter?key=k\n") < shown.index("In another shell")


def test_every_route_and_the_operators_command_are_shown(tmp_path: Path):
    shown, settings, _ = explained(tmp_path)
    for use in ("/orders -H", "/orders/ORDER_ID/timeline", "-X DELETE", "/products/85123A"):
        assert f"api {use}" in shown or use in shown
    for use in (
        "api /contact -X PUT",
        "/sales?per=product&day=",
        "operator /products/85123A -X PUT",
        "python -m ops --help",
        "  mails\n",
    ):
        assert use in shown
    assert set(re.findall(r"\$([A-Z_]+)", shown)) <= set(settings)


def test_shelf_stock_is_added_to_the_demand_of_an_export(database: sqlite3.Connection):
    sku, units = next(iter(STOCK.items()))
    database.execute("INSERT INTO demand VALUES (?, 5)", [sku])
    on_shelf = stock_shelf(database)
    assert on_shelf == list(STOCK)[1:]
    assert dict(database.execute("SELECT * FROM demand")) == {**STOCK, sku: units + 5}
