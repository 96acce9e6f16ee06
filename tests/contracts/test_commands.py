"""A refusal of a command reaches the saga whole."""

import json

from lambdas.contracts.commands import MAX_REFUSAL_LENGTH, Refusal

MAX_CAUSE_LENGTH = 32_768
"""So many letters of an error does Step Functions keep, and cuts off the rest.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_TaskFailedEventDetails.html
"""


def test_refusal_fits_into_the_cause_that_a_saga_reads():
    """Lambda reports it as JSON, where a character may take twelve."""
    error = json.dumps({"errorMessage": str(Refusal("\N{GRINNING FACE}" * 100_000))})

    assert len(error) < MAX_CAUSE_LENGTH / 2
    assert error.endswith('\\u2026"}')
    longest = "x" * MAX_REFUSAL_LENGTH
    assert str(Refusal(longest)) == longest
