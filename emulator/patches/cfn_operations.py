"""An operation of a stack takes its time, and a stack has one at a time.

AWS: an update changes one resource after another, for minutes. Meanwhile the application runs with
some resources changed and others not yet. A stack in progress can not be updated.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-monitor-stack.html
https://github.com/aws/aws-dotnet-deploy/issues/689
MiniStack 1.5.33: answers no request until a stack's update is over, custom resources excepted; the
change set of a stack in progress is executed, too.
Here: requests are answered before each update of a resource. The answer to ExecuteChangeSet waits
for the end of the operation, if it is soon: the CDK looks again only after five seconds.
Can go: when requests are answered in the middle of an update without it.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import handlers, stacks
from ministack.services.cloudformation.helpers import _error, _p

from emulator.patches._seams import seam

UPDATE_SECONDS = 0.02
"""How long requests are answered before each update of a resource."""
ANSWER_SECONDS = 3.0
"""How long the answer to ExecuteChangeSet waits at most."""


def install() -> None:
    """Let other requests in before each update, and refuse a second operation.

    Install after `cfn_dsql`, which has a type that blocks.
    """
    _let_requests_in()
    actions = handlers._ACTION_HANDLERS
    actions["CreateChangeSet"] = _refusing_what_is_in_progress(actions["CreateChangeSet"])
    handle = seam(
        cloudformation, "handle_request", "method", "path", "headers", "body", "query_params"
    )

    async def handled(*request: Any) -> Any:
        answer = await handle(*request)
        if b"ExecuteChangeSet" in (request[3] or b""):
            await _operations_over()
        return answer

    cloudformation.handle_request = handled


def _let_requests_in() -> None:
    blocks = stacks._runs_on_worker_thread
    in_thread = seam(stacks, "run_reentrant", "fn", "args", "thread_name")

    async def run(handler: Callable[..., Any], kind: str, *args: Any) -> Any:
        if blocks(kind):
            return await in_thread(handler, kind, *args)
        # An update with the same properties changes nothing.
        if handler in (stacks._update_keeping_seed, stacks._update_resource) and args[1] != args[2]:
            await asyncio.sleep(UPDATE_SECONDS)
        return handler(kind, *args)

    # So every handler is awaited.
    stacks._runs_on_worker_thread = lambda _kind: True
    stacks.run_reentrant = run


def _refusing_what_is_in_progress(create: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def created(parameters: Any) -> Any:
        stack = cloudformation._stacks.get(_p(parameters, "StackName"), {})
        state = stack.get("StackStatus", "")
        if state.endswith("_IN_PROGRESS") and state != "REVIEW_IN_PROGRESS":
            text = f"Stack:{stack['StackId']} is in {state} state and can not be updated."
            return _error("ValidationError", text)
        return create(parameters)

    return created


async def _operations_over() -> None:
    until = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < until and any(
        change_set["ExecutionStatus"] == "EXECUTE_IN_PROGRESS"
        for change_set in list(cloudformation._change_sets.values())
    ):
        await asyncio.sleep(UPDATE_SECONDS)
