"""Python functions: the names of their errors, their log lines, their environment variables.

AWS: an exception is reported with the class's name as `errorType`, which Step Functions
matches in Retry and Catch; the execution environment stays for the next invocation. A process
that ends is a `Runtime.ExitError`.
https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
The root logger has a handler; with the JSON log format its level is the configured one and each
record is a JSON object.
https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
MiniStack 1.5.33: `errorType` is always `Runtime.HandlerError`; any exception costs the process; a
handler that logs nothing waits 50 ms for its log lines; the root logger has no handler.
Can go: when `core/lambda_runtime.py` does this itself.
"""

import queue
import time
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

_END_OF_LOG = "\0end of log"
_LOG_SECONDS = 10.0

_SETUP_LOGGING = """
def _set_up_logging():
    import logging
    json_format = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
    class Formatter(logging.Formatter):
        converter = time.gmtime
        def format(self, record):
            record.request = os.environ.get("_LAMBDA_REQUEST_ID", "")
            if not json_format:
                return super().format(record)
            line = {"timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
                    "level": record.levelname, "message": record.getMessage(),
                    "logger": record.name, "requestId": record.request}
            if record.exc_info:
                kind, error, trace = record.exc_info
                line.update(errorType=kind.__name__, errorMessage=str(error),
                            stackTrace=traceback.format_tb(trace))
            return json.dumps(line)
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter(
        "[%(levelname)s]\\t%(asctime)s.%(msecs)03dZ\\t%(request)s\\t%(message)s",
        "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    root.addHandler(handler)
    if json_format:
        root.setLevel(os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO"))

"""

# Fragments of the worker's source, each with its replacement.
_EDITS = (
    ("def run():\n", f"{_SETUP_LOGGING}def run():\n"),
    ("    _ms_install_invoke_depth()\n    try:", "    _set_up_logging()\n"
     "    _ms_install_invoke_depth()\n    try:"),
    ("        try:\n            result = handler_fn(",
     '        os.environ["_LAMBDA_REQUEST_ID"] = _ms_ctx.get("request_id", "")\n'
     "        try:\n            result = handler_fn("),
    ('{"status": "error", "error": str(e), "trace": traceback.format_exc()}',
     '{"status": "ok", "failed": True, "result": {"errorMessage": str(e), "errorType": '
     'type(e).__name__, "requestId": _ms_ctx.get("request_id", ""), '
     '"stackTrace": traceback.format_tb(e.__traceback__.tb_next)}}'),
    # After the answer, so that the reader never waits for a mark that is still to come.
    ("        _real_stdout.flush()\n\nrun()",
     "        _real_stdout.flush()\n"
     f"        print({_END_OF_LOG!r}, file=sys.stderr, flush=True)\n\nrun()"),
)  # fmt: skip


class _Failure(dict[str, Any]):
    """The error that a handler raised, as Lambda reports it."""


def install() -> None:
    """Replace the worker's source, and the functions that read its output."""
    lambda_runtime._PYTHON_WORKER_SCRIPT = _edited(lambda_runtime._PYTHON_WORKER_SCRIPT)
    _wrap_worker(lambda_runtime.Worker)
    _wrap_execution()


def _edited(source: str) -> str:
    for fragment, replacement in _EDITS:
        if source.count(fragment) != 1:
            raise RuntimeError(f"MiniStack's Lambda worker has changed: {fragment!r} not found")
        source = source.replace(fragment, replacement)
    return source


def _wrap_worker(worker: Any) -> None:
    initialize, invoke = worker.__init__, worker.invoke

    def initialized(self: Any, name: str, config: dict[str, Any], code: bytes) -> None:
        initialize(self, name, _with_standard_variables(config), code)

    def invoked(self: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        response: dict[str, Any] = invoke(self, *arguments, **options)
        if response.get("failed"):
            response["result"] = _Failure(response["result"])
        return response

    def drained(self: Any, *_: Any) -> str:
        # The worker marks the end of its log, or it is dead and has nothing more to say.
        lines: list[str] = []
        deadline = time.monotonic() + _LOG_SECONDS
        while (remaining := deadline - time.monotonic()) > 0:
            if self._stderr_queue.empty() and not self._stderr_thread.is_alive():
                break
            try:
                line = self._stderr_queue.get(timeout=min(remaining, 0.05))
            except queue.Empty:
                continue
            if line.endswith(_END_OF_LOG):
                # What was written last need not have ended in a line break.
                lines.extend(filter(None, [line.removesuffix(_END_OF_LOG)]))
                break
            lines.append(line)
        return "\n".join(lines)

    worker.__init__, worker.invoke = initialized, invoked
    worker._drain_stderr_bounded = drained


def _with_standard_variables(config: dict[str, Any]) -> dict[str, Any]:
    """Add the standard environment variables of Lambda that MiniStack does not set."""
    logging = config.get("LoggingConfig", {})
    standard = {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', '')}",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": logging.get("LogFormat", "Text"),
        "AWS_LAMBDA_LOG_GROUP_NAME": logging.get(
            "LogGroup", f"/aws/lambda/{config.get('FunctionName', '')}"
        ),
        "AWS_LAMBDA_LOG_LEVEL": logging.get("ApplicationLogLevel", "INFO"),
        "_HANDLER": config.get("Handler", ""),
        "TZ": ":UTC",
    }
    declared = config.get("Environment", {}).get("Variables", {})
    return {**config, "Environment": {"Variables": {**standard, **declared}}}


def _wrap_execution() -> None:
    execute = lambda_svc._execute_function_warm

    def executed(*arguments: Any) -> dict[str, Any]:
        result: dict[str, Any] = execute(*arguments)
        body = result.get("body")
        if isinstance(body, _Failure):
            trace = "".join(body["stackTrace"])
            line = f"[ERROR] {body['errorType']}: {body['errorMessage']}\n{trace}"
            log = "\n".join(filter(None, [result.get("log", ""), line]))
            return {"body": dict(body), "error": True, "log": log}
        if isinstance(body, dict) and body.get("errorMessage") == "Worker process died":
            body.update(errorType="Runtime.ExitError", errorMessage="Runtime exited")
        return result

    lambda_svc._execute_function_warm = executed
