"""Which failures of a transaction pass."""

from lambdas.runtime.transactions import is_transient


def test_failure_that_is_no_answer_of_aws_is_not_transient():
    assert not is_transient(ValueError())
