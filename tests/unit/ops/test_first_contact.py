"""Connection errors and 5xx are retried only once AWS has answered, and not for long."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from ops.first_contact import MAX_FIRST_FAILURES, MAX_SILENCE, FirstContact

ERROR = ConnectTimeoutError(endpoint_url="https://aws.invalid")
OPERATION = SimpleNamespace(name="DescribeStacks")


def answer(status: int, code: str = "") -> tuple[object, dict[str, Any]]:
    return object(), {
        "ResponseMetadata": {"HTTPStatusCode": status},
        "Error": {"Code": code, "Message": "no"},
    }


def test_first_connection_error_ends_the_retries():
    with pytest.raises(ConnectTimeoutError):
        FirstContact()(response=None, caught_exception=ERROR, attempts=1)


def test_connection_error_after_an_answer_is_retried():
    contact = FirstContact()

    contact(response=(object(), {}), caught_exception=None, attempts=1)
    contact(response=None, caught_exception=ERROR, attempts=1)


def test_connection_errors_are_retried_until_aws_has_not_answered_for_some_time():
    now = 100.0
    contact = FirstContact(lambda: now)
    contact(response=(object(), {}))
    contact(caught_exception=ERROR)

    now += MAX_SILENCE - 1
    contact(caught_exception=ERROR)
    now += 1
    for _ in range(2):
        with pytest.raises(ConnectTimeoutError):
            contact(caught_exception=ERROR)
    contact(response=(object(), {}))
    contact(caught_exception=ERROR)


def test_error_that_aws_answers_is_retried():
    FirstContact()(response=answer(400, "Throttling"), operation=OPERATION)


@pytest.mark.parametrize(
    ("known", "seconds"), [((), MAX_FIRST_FAILURES), ((200,), MAX_SILENCE), ((400,), MAX_SILENCE)]
)
def test_server_errors_are_retried_for_some_seconds(known: tuple[int, ...], seconds: int):
    now = 100.0
    contact = FirstContact(lambda: now)
    for status in known:
        contact(response=answer(status), operation=OPERATION)
    contact(response=answer(500, "500"), operation=OPERATION)

    now += seconds - 1
    contact(response=answer(503, "503"), operation=OPERATION)
    now += 1
    with pytest.raises(ClientError, match=r"\(500\) when calling the DescribeStacks operation: no"):
        contact(response=answer(500, "500"), operation=OPERATION)
