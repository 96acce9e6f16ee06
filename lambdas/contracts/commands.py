"""The base classes of commands and refusals.

A command asks one service to act. It is named in the imperative and is the payload of that
service's function. A refusal is the service's final answer that it will not act; its name is the
reason.
"""

from typing import Self

from lambdas.contracts.codec import decode

MAX_REFUSAL_LENGTH = 1_000
"""The most characters of a refusal. A saga reads it from an error, and Step Functions keeps 32,768
characters of an error; one character of a refusal may take twelve of them.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_TaskFailedEventDetails.html
"""

TECHNICAL_FAILURE = "TechnicalFailure"
"""The reason when something is undone because a step failed, not because it was refused."""

CANCELLED = "Cancelled"
"""The reason when something is undone because the customer asked for it."""


class Command:
    """The base class of commands; each is a frozen, slotted, keyword-only dataclass."""

    __slots__ = ()

    @classmethod
    def decode(cls, payload: object) -> Self:
        """Return the command in a function's payload.

        Raises:
            ContractError: naming every field that does not fit.
        """
        return decode(cls, payload)


class Refusal(Exception):
    """A service's final answer that it will not do what a command asks. It is never retried.

    The same command, repeated, gets the same refusal. The explanation is for customers. It is cut
    off after ``MAX_REFUSAL_LENGTH`` characters.
    """

    def __init__(self, explanation: str = "") -> None:
        long = len(explanation) > MAX_REFUSAL_LENGTH
        super().__init__(f"{explanation[: MAX_REFUSAL_LENGTH - 1]}…" if long else explanation)
