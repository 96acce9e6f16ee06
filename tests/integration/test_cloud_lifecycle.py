"""The local cloud starts, says why when it cannot, and leaves nothing behind."""

import json
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from emulator.cloud import CloudError, running
from emulator.deploy import deploy
from emulator.polling import poll
from tests.support.waiting import TIMEOUT_SECONDS, wait_until

ENDS = ("end of work", "SIGINT", "SIGTERM", "SIGKILL")
ROOT = Path(__file__).resolve().parents[2]
BUSY = """\
    import io, json, signal, sys, time, zipfile
    from emulator.cloud import running

    # A shell that runs the tests in the background has its children ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    with running() as cloud:
        print(cloud.directory, flush=True)
        dsql, iam = cloud.client("dsql"), cloud.client("iam")
        identifier = dsql.create_cluster()["identifier"]
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
                 "Action": "sts:AssumeRole"}
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [trust]}))["Role"]["Arn"]
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("index.py", "import time\\ndef handler(e, c): time.sleep(60)")
        functions = cloud.client("lambda")
        functions.create_function(FunctionName="busy", Role=role, Runtime="python3.13", Timeout=60,
                                  Handler="index.handler", Code={"ZipFile": code.getvalue()})
        functions.invoke(FunctionName="busy", InvocationType="Event")
        while dsql.get_cluster(identifier=identifier)["status"] != "ACTIVE":
            time.sleep(0.05)
        print("busy", flush=True)
        sys.stdin.read()
"""


def processes(directory: str) -> list[str]:
    """The command lines of the processes that belong to a run of the cloud."""
    listing = subprocess.run(
        ["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True
    )
    return [line for line in listing.stdout.splitlines() if directory in line]


def test_installed_ministack_is_the_version_that_the_patches_expect() -> None:
    assert version("ministack") == "1.5.33"


def test_port_in_use_is_an_error_of_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CloudError) as error, running(port=port):
            pass
    assert f"Port {port}" in str(error.value)
    assert "another port" in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_access_key_is_refused() -> None:
    with running() as cloud:
        assert cloud.client("sts").get_caller_identity()["Arn"].endswith(":root")
        stranger = boto3.client(
            "sts",
            region_name=cloud.region,
            endpoint_url=cloud.endpoint,
            verify=str(cloud.certificate),
            aws_access_key_id="AKIAXXXXXXXXXXXXXXXX",
            aws_secret_access_key="x",
        )
        with pytest.raises(ClientError, match="InvalidClientTokenId"):
            stranger.get_caller_identity()


@pytest.fixture(scope="module")
def parents() -> Iterator[dict[str, subprocess.Popen[str]]]:
    """One busy cloud for each way to end its parent, started together to save time."""
    with ExitStack() as started:
        yield {
            end: started.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", textwrap.dedent(BUSY)],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
            for end in ENDS
        }


@pytest.mark.parametrize("end", ENDS)
def test_cloud_leaves_nothing_however_its_parent_ends(
    parents: dict[str, subprocess.Popen[str]], end: str
) -> None:
    parent = parents[end]
    assert parent.stdout is not None
    directory = parent.stdout.readline().strip()
    assert parent.stdout.readline() == "busy\n"
    wait_until(
        "the function did not start",
        # The process from which functions' processes are forked, and one of a function.
        lambda: sum("function_parent.py" in line for line in processes(directory)) == 2,
        seconds=TIMEOUT_SECONDS,
    )
    assert any("postgres" in line for line in processes(directory))
    if end == "end of work":
        assert parent.stdin is not None
        parent.stdin.close()
    else:
        parent.send_signal(getattr(signal, end))
    poll(lambda: not processes(directory) and not Path(directory).exists(), seconds=TIMEOUT_SECONDS)
    assert processes(directory) == []
    assert not Path(directory).exists()


def test_deployment_returns_outputs_or_raises_with_the_reason(tmp_path: Path) -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 3}}
    outputs = {"Address": {"Value": {"Ref": "Queue"}}}
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://000000000000/eu-west-1",
        "properties": {"templateFile": "Probe.template.json"},
    }
    manifest = {"version": "48.0.0", "artifacts": {"Probe": stack}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    template = tmp_path / "Probe.template.json"
    progress: list[str] = []
    with running() as cloud:
        template.write_text(json.dumps({"Resources": {"Queue": queue}, "Outputs": outputs}))
        answered = deploy(cloud, assembly=tmp_path, progress=progress.append)
        assert answered["Address"].startswith("https://")
        assert any("bootstrapped" in line for line in progress)

        queue["Properties"] = {"DelaySeconds": 99999}
        template.write_text(json.dumps({"Resources": {"Queue": queue}, "Outputs": outputs}))
        with pytest.raises(CloudError, match="DelaySeconds"):
            deploy(cloud, assembly=tmp_path, progress=progress.append)
