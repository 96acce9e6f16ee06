"""Connection errors are retried only once AWS has answered, and not for long."""

import pytest
from botocore.exceptions import ConnectTimeoutError

from ops.first_contact import MAX_SILENCE, FirstContact

ERROR = ConnectTimeoutError(endpoint_url="https://aws.invalid")


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
    FirstContact()(response=(object(), {"Error": {"Code": "Throttling"}}), caught_exception=None)
