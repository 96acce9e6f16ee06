"""Handing something to a resource on behalf of a principal: the one way out for every delivery."""

from collections.abc import Mapping

from local.supplements.permissions import Principal


class Undelivered(Exception):
    """The resource did not take it; `code` is AWS's name for why.

    `lasting` says that trying again is no use: the resource is not there, or access is denied.
    """

    def __init__(self, code: str, message: str, *, lasting: bool) -> None:
        super().__init__(message)
        self.code = code
        self.lasting = lasting


def send(
    to: str,
    body: str,
    *,
    by: Principal,
    attributes: Mapping[str, str] | None = None,
    group: str = "",
) -> None:
    """Hand `body` to the resource with the ARN `to`; raises Undelivered.

    `attributes` become string message attributes of SQS and SNS; `group` is the FIFO message
    group or the Kinesis partition key.
    """
    raise NotImplementedError
