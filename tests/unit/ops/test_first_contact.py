"""Connection errors are retried only once AWS has answered."""

import pytest
from botocore.exceptions import ConnectTimeoutError

from ops.first_contact import FirstContact

ERROR = ConnectTimeoutError(endpoint_url="https://aws.invalid")


def test_first_connection_error_ends_the_retries():
    with pytest.raises(ConnectTimeoutError):
        FirstContact()(response=None, caught_exception=ERROR, attempts=1)


def test_connection_error_after_an_answer_is_retried():
    contact = FirstContact()

    contact(response=(object(), {}), caught_exception=None, attempts=1)
    contact(response=None, caught_exception=ERROR, attempts=1)


def test_error_that_aws_answers_is_retried():
    FirstContact()(response=(object(), {"Error": {"Code": "Throttling"}}), caught_exception=None)
