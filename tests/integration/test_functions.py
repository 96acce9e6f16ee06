"""Functions report errors, keep their environment, and log as Lambda's do."""

import io
import json
import queue
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from emulator.cloud import Cloud
from emulator.patches import named_errors
from tests.support.deliveries import eventually
from tests.support.small_stacks import Deploy, client, function, get, lines, ref, role


def test_exception_is_reported_by_name_and_the_environment_is_reused(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = deploy({"Role": role(), "Fails": function("fails")}, Name=ref("Fails"))
    functions = client(cloud, "lambda")
    for attempt in (1, 2):
        answer = functions.invoke(FunctionName=stack.outputs["Name"])
        error = json.loads(answer["Payload"].read())
        assert answer["FunctionError"] == "Unhandled"
        assert error["errorType"] == "OutOfStock"
        assert error["errorMessage"] == f"attempt {attempt}"
        assert "raise OutOfStock" in error["stackTrace"][0]


def test_process_that_ends_is_an_exit_error(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy({"Role": role(), "Ends": function("ends")}, Name=ref("Ends"))
    answer = client(cloud, "lambda").invoke(FunctionName=stack.outputs["Name"])
    assert json.loads(answer["Payload"].read())["errorType"] == "Runtime.ExitError"


TAKES_ITS_TIME = """
import os, time
def handler(event, context):
    time.sleep(event)
    return os.environ["STATE"]
"""


def with_other_code(before: str) -> dict[str, Any]:
    after = io.BytesIO()
    with zipfile.ZipFile(after, "w") as archive:
        archive.writestr("index.py", before.replace('os.environ["STATE"]', '"new"'))
    return {"ZipFile": after.getvalue()}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("update_function_code", with_other_code(TAKES_ITS_TIME)),
        ("update_function_configuration", {"Environment": {"Variables": {"STATE": "new"}}}),
    ],
)
def test_running_invocation_survives_an_update_and_later_ones_see_it(
    cloud: Cloud, deploy: Deploy, change: str, what: dict[str, Any]
) -> None:
    changes = function(
        "handler",
        Code={"ZipFile": TAKES_ITS_TIME},
        Environment={"Variables": {"STATE": "old"}},
    )
    stack = deploy({"Role": role(), "Changes": changes}, Name=ref("Changes"))
    functions = cloud.client

    def ask(seconds: float) -> Any:
        answer = functions("lambda").invoke(
            FunctionName=stack.outputs["Name"], Payload=json.dumps(seconds)
        )
        return json.loads(answer["Payload"].read())

    assert ask(0) == "old"
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(ask, 2)
        time.sleep(0.2)
        # The only process is at work: this one waits for it, for a moment.
        pool.submit(ask, 0)
        time.sleep(0.2)
        getattr(functions("lambda"), change)(FunctionName=stack.outputs["Name"], **what)
        assert {ask(0) for _ in range(3)} == {"new"}
        assert running.result() == "old"


def test_log_records_are_json_objects_when_the_format_is_json(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            "Role": role(),
            "Group": {"Type": "AWS::Logs::LogGroup"},
            "Logs": function("logs", LoggingConfig={"LogFormat": "JSON", "LogGroup": ref("Group")}),
        },
        Name=ref("Logs"),
        Group=ref("Group"),
    )
    client(cloud, "lambda").invoke(FunctionName=stack.outputs["Name"])
    (line,) = [m for m in lines(cloud, stack.outputs["Group"], "order 7") if "order 7" in m]
    record = json.loads(line)
    assert (record["level"], record["message"], record["logger"]) == ("INFO", "order 7", "shop")
    assert record["requestId"]


def test_silent_handler_does_not_wait_for_its_log(cloud: Cloud, deploy: Deploy) -> None:
    silent = function("handler", Code={"ZipFile": "def handler(event, context): return 1"})
    stack = deploy({"Role": role(), "Silent": silent}, Name=ref("Silent"))
    functions = client(cloud, "lambda")

    def seconds() -> float:
        started = time.monotonic()
        functions.invoke(FunctionName=stack.outputs["Name"])
        return time.monotonic() - started

    # If they all waited, none would be that quick, on any machine.
    assert eventually(lambda: seconds() < 0.04)


def test_late_end_of_a_log_is_waited_for() -> None:
    """Else it would be taken for that of the next invocation's log, and each would miss its own."""

    class Worker:
        def __init__(self, *_: Any) -> None:
            self._stderr_queue: queue.Queue[str] = queue.Queue()
            self._stderr_thread = threading.current_thread()

        def invoke(self) -> dict[str, Any]:
            return {}

    named_errors._wrap_worker(Worker)
    worker: Any = Worker("name", {}, b"")

    def end() -> None:
        worker._stderr_queue.put("the last line")
        worker._stderr_queue.put(named_errors._END_OF_LOG)

    threading.Timer(1.5, end).start()
    assert worker._drain_stderr_bounded() == "the last line"


def test_custom_resource_answers_by_https(deploy: Deploy) -> None:
    custom = {"Type": "Custom::Probe", "Properties": {"ServiceToken": get("Answers")}}
    resources = {"Role": role(), "Answers": function("answers"), "Probe": custom}
    assert deploy(resources, Answer=get("Probe", "Answer")).outputs["Answer"] == "42"


def test_custom_resource_without_an_answer_fails_with_the_functions_error(
    deploy: Deploy,
) -> None:
    custom = {"Type": "Custom::Probe", "Properties": {"ServiceToken": get("Fails")}}
    with pytest.raises(RuntimeError, match="OutOfStock"):
        deploy({"Role": role(), "Fails": function("fails"), "Probe": custom})
