"""An interrupted deployment ends all that the CDK command line started, and leaves no file."""

import os
import subprocess
from pathlib import Path

import pytest

from emulator import deploy as deployment
from emulator.cloud import Cloud, CloudError
from emulator.polling import poll

CLI = """\
#!/bin/sh
# The app is a process of its own, with temporary files of its own, as jsii makes them.
sh -c 'mktemp -d; echo "app $$"; exec sleep 60' &
wait
"""


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    (tmp_path / "cloud").mkdir()
    certificate = tmp_path / "none.pem"
    return Cloud(
        endpoint="https://127.0.0.1:1", certificate=certificate, directory=tmp_path / "cloud"
    )


def test_interrupted_synthesis_leaves_no_process_and_no_file_outside_its_run(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli, elsewhere, said = tmp_path / "cdk", tmp_path / "elsewhere", list[str]()
    cli.write_text(CLI)
    cli.chmod(0o700)
    elsewhere.mkdir()
    monkeypatch.setattr(deployment, "_CLI", cli)
    monkeypatch.setenv("TMPDIR", str(elsewhere))

    def interrupt(line: str) -> None:
        said.append(line)
        if line.startswith("app "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deployment._cdk(cloud, interrupt, "synth")

    made, app = said
    assert Path(made).is_relative_to(cloud.directory)
    assert list(elsewhere.iterdir()) == []
    assert poll(lambda: not _runs(app.removeprefix("app ")), seconds=5)


def test_app_is_synthesized_without_the_slow_validation_also_in_ci(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli, said = tmp_path / "cdk", list[str]()
    cli.write_text('#!/bin/sh\necho "CI: <$CI>, validated: <$VALIDATE>, $1 $2"\n')
    cli.chmod(0o700)
    monkeypatch.setattr(deployment, "_CLI", cli)
    monkeypatch.setenv("CI", "true")

    deployment._cdk(cloud, said.append, "synth")

    assert said == ["CI: <>, validated: <>, synth --ci"]


@pytest.mark.parametrize(("writable", "cache"), [(True, ""), (False, "disabled")])
def test_app_is_synthesized_also_where_the_home_cannot_be_written(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writable: bool, cache: str
) -> None:
    cli, said = tmp_path / "cdk", list[str]()
    cli.write_text('#!/bin/sh\necho "cache: <$JSII_RUNTIME_PACKAGE_CACHE>"\n')
    cli.chmod(0o700)
    monkeypatch.setattr(deployment, "_CLI", cli)
    monkeypatch.setattr(os, "access", lambda *_: writable)
    monkeypatch.delenv("JSII_RUNTIME_PACKAGE_CACHE", raising=False)

    deployment._cdk(cloud, said.append, "synth")

    assert said == [f"cache: <{cache}>"]


def _runs(process: str) -> bool:
    found = subprocess.run(["ps", "-o", "stat=", "-p", process], capture_output=True, text=True)
    # A process that has ended may still be listed, as a zombie.
    return found.stdout.strip()[:1] not in ("", "Z")


def test_error_of_the_app_comes_without_colours(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = tmp_path / "cdk"
    # The CDK command line asks the app for colours, even with --no-color.
    cli.write_text("#!/bin/sh\nFORCE_COLOR=1 python3 -c 'raise KeyError(1)'\n")
    cli.chmod(0o700)
    monkeypatch.setattr(deployment, "_CLI", cli)

    with pytest.raises(CloudError, match=r"KeyError: 1$") as failed:
        deployment._cdk(cloud, print, "synth")

    assert "\x1b" not in str(failed.value)
