"""The command `view rebuild`: its options, output and exit codes."""

import io
import json
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ops import __main__ as command
from ops.deployed import OperationError, deployed
from ops.dlq.templates import DeployedStack, Templates
from ops.terminal import Terminal
from ops.views.rebuild import Rebuild
from ops.views.registry import VIEWS
from stacks.environments import ENVIRONMENTS


class ReadingStorefront:
    """The storefront, whose projections read the order stream by mappings in this state."""

    def __init__(self, *states: str) -> None:
        self._mappings = [{"State": state} for state in states or ("Enabled",)]

    def templates(self) -> Templates:
        functions = {
            f"Update{view.name}0A1B2C3D": "AWS::Lambda::Function" for view in VIEWS.values()
        }
        return Templates(
            {
                "Orders-Dev-Storefront": DeployedStack(
                    {"Resources": {name: {"Type": kind} for name, kind in functions.items()}},
                    {name: name for name in functions},
                )
            }
        )

    def client(self, service: str) -> Any:
        assert service == "lambda"
        return SimpleNamespace(
            list_event_source_mappings=lambda FunctionName: {  # noqa: N803
                "EventSourceMappings": self._mappings
            }
        )


class TestCommand:
    @pytest.fixture
    def run(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> Callable[..., tuple[int, str]]:
        def run(*arguments: str, **environment: str) -> tuple[int, str]:
            for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
                monkeypatch.delenv(name, raising=False)
            monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
            monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
            monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            monkeypatch.setattr(sys, "argv", ["ops", "view", "rebuild", *arguments])
            try:
                return command.main(), capsys.readouterr().err
            except SystemExit as ended:
                return int(str(ended.code)), capsys.readouterr().err

        return run

    def test_missing_prerequisite_is_one_line(self, run: Callable[..., tuple[int, str]]):
        assert run("timelines")[1].startswith("no region: ")
        code, said = run("timelines", AWS_DEFAULT_REGION="eu-west-1")
        assert (code, said.count("\n")) == (2, 1)
        assert said.startswith("no credentials: ")

    @pytest.mark.parametrize(
        ("equal", "options", "switch", "code", "printed"),
        [
            (True, (), False, 0, {"equal": True, "switched": False}),
            (True, ("--yes",), True, 0, {"equal": True, "switched": True}),
            (False, (), False, 1, {"equal": False, "switched": False}),
            (False, ("--yes",), True, 1, {"equal": False, "switched": False}),
            (
                False,
                ("--yes", "--despite-differences"),
                True,
                0,
                {"equal": False, "switched": True},
            ),
            (False, ("--despite-differences",), False, 0, {"equal": False, "switched": False}),
        ],
    )
    def test_rebuild_switches_with_yes_only(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        equal: bool,
        options: tuple[str, ...],
        switch: bool,
        code: int,
        printed: dict[str, bool],
    ):
        asked: list[dict[str, bool]] = []

        def rebuild(self: Rebuild, **how: bool) -> None:
            asked.append(how)
            self.equal["sales"] = equal
            self.switched.extend(["sales"] * printed["switched"])

        monkeypatch.setattr(Rebuild, "run", rebuild)
        monkeypatch.setattr(command, "deployed", lambda _: ReadingStorefront())
        monkeypatch.setattr(sys, "argv", ["ops", "view", "rebuild", "sales", "--json", *options])

        assert command.main() == code
        assert json.loads(capsys.readouterr().out) == [{"view": "sales", **printed}]
        despite = "--despite-differences" in options
        assert asked == [{"switch": switch, "ignore_differences": despite}]

    @pytest.mark.parametrize(("options", "hint"), [((), True), (("--yes",), False)])
    def test_rebuild_without_yes_says_how_to_switch(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        options: tuple[str, ...],
        hint: bool,
    ):
        monkeypatch.setattr(Rebuild, "run", lambda self, **_: self.equal.update(sales=True))
        monkeypatch.setattr(command, "deployed", lambda _: ReadingStorefront())
        monkeypatch.setattr(sys, "argv", ["ops", "view", "rebuild", "sales", *options])

        assert command.main() == 0
        assert ("to switch, add --yes" in capsys.readouterr().out) == hint

    def test_views_of_orders_events_share_a_rebuild(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        begun: list[list[str]] = []

        def rebuild(self: Rebuild, **_: bool) -> None:
            begun.append([*self.views])
            self._say("sales")("equal: 3 items")
            self.equal.update({name: name != "sales" for name in self.views})

        monkeypatch.setattr(Rebuild, "run", rebuild)
        monkeypatch.setattr(command, "deployed", lambda _: ReadingStorefront())
        views = ["products", "timelines", "sales", "availability", "sales"]
        monkeypatch.setattr(sys, "argv", ["ops", "view", "rebuild", *views])

        assert command.main() == 1
        assert begun == [["products"], ["timelines", "sales"], ["availability"]]
        assert "sales equal: 3 items\n" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("error", "code"), [(KeyboardInterrupt(), 130), (OperationError("denied"), 2)]
    )
    def test_json_of_a_rebuild_that_was_cut_off_has_what_was_switched_before(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        error: BaseException,
        code: int,
    ):
        def rebuild(self: Rebuild, **_: bool) -> None:
            if "timelines" in self.views:
                self.equal["timelines"] = True
                raise error
            self.equal["products"] = True
            self.switched.append("products")

        monkeypatch.setattr(Rebuild, "run", rebuild)
        monkeypatch.setattr(command, "deployed", lambda _: ReadingStorefront())
        names = ["products", "timelines"]
        monkeypatch.setattr(sys, "argv", ["ops", "view", "rebuild", *names, "--yes", "--json"])

        assert command.main() == code
        assert json.loads(capsys.readouterr().out) == [
            {"view": "products", "equal": True, "switched": True},
            {"view": "timelines", "equal": True, "switched": False},
        ]

    @pytest.mark.parametrize(
        ("view", "state", "code"),
        [("sales", "Disabled", 2), ("sales", "Enabled", 0), ("products", "Disabled", 0)],
    )
    def test_rebuild_of_a_view_that_nothing_keeps_up_to_date_says_so(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        view: str,
        state: str,
        code: int,
    ):
        """Somebody disabled the mapping. The switch succeeds, and the view falls behind at once."""
        monkeypatch.setattr(Rebuild, "run", lambda self, **_: self.equal.update({view: False}))
        monkeypatch.setattr(command, "deployed", lambda _: ReadingStorefront(state))
        options = ["--yes", "--despite-differences"]
        monkeypatch.setattr(sys, "argv", ["ops", "view", "rebuild", view, *options])

        assert command.main() == code
        said = "sales falls behind: the mapping of UpdateSales is Disabled, and its last result"
        assert capsys.readouterr().err.startswith(said) == (code == 2)

    def test_unknown_view_is_refused_with_the_known_ones(self, run: Callable[..., tuple[int, str]]):
        code, said = run("prices")
        assert code == 2
        assert all(view in said for view in VIEWS)

    def test_progress_without_a_terminal_is_the_first_and_last_line_of_each_step(
        self, monkeypatch: pytest.MonkeyPatch
    ):
        out = io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        terminal = Terminal()

        for line in ("a: 1", "a: 2", "a: 3", "b: 1", "b: 2"):
            terminal.say(line)
        terminal.end()

        assert out.getvalue().split("\n") == ["a: 1", "a: 3", "b: 1", "b: 2", ""]

    def test_stacks_are_found_by_their_names(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
        for env in ENVIRONMENTS.values():
            assert deployed(env.name)._name("Storefront") == env.stack_name("Storefront")
