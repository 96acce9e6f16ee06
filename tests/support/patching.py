"""What a test changes of a platform that is deployed: code of a function, schedules."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from demo import api_client
from emulator.cloud import Cloud


@contextmanager
def patched_function(cloud: Cloud, function: str, module: str, code: str) -> Iterator[None]:
    """Add code at the end of a module of a function's, as long as this lasts.

    ``function`` is its name, ``module`` a path in its code.
    """
    lambda_ = cloud.client("lambda")
    location = lambda_.get_function(FunctionName=function)["Code"]["Location"]
    # The emulator does not know that it is spoken to by TLS.
    https = location.replace("http://", "https://", 1)
    whole = api_client.http(cloud).request("GET", https).data
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as source, zipfile.ZipFile(changed, "w") as target:
        for item in source.infolist():
            more = code.encode() if item.filename == module else b""
            target.writestr(item, source.read(item) + more)

    def run(code: bytes) -> None:
        lambda_.update_function_code(FunctionName=function, ZipFile=code)
        lambda_.get_waiter("function_updated_v2").wait(
            FunctionName=function, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
        )

    run(changed.getvalue())
    try:
        yield
    finally:
        run(whole)


def disable_schedules(cloud: Cloud, *jobs: str) -> None:
    """Switch these jobs' schedules off: they run when the test says so, and at no other time.

    A job has the name that its function has in its stack.
    """
    scheduler = cloud.client("scheduler")
    schedules = scheduler.list_schedules()["Schedules"]
    for job in jobs:
        # By the function: a schedule's own name is cut off.
        (found,) = (each for each in schedules if f"-{job}" in each["Target"]["Arn"])
        named = {"Name": found["Name"], "GroupName": found["GroupName"]}
        stated = scheduler.get_schedule(**named)
        kept = ("FlexibleTimeWindow", "ScheduleExpression", "Target")
        scheduler.update_schedule(
            **named, **{name: stated[name] for name in kept}, State="DISABLED"
        )
