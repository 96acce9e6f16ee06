"""Sending one e-mail through SES. Errors say whether it may have been sent."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
)

from lambdas.notifications.email_records import (
    EmailOutcomeUnknownError,
    EmailRejectedError,
    EmailThrottledError,
)

if TYPE_CHECKING:
    from types_boto3_sesv2 import SESV2Client

THROTTLED = ("ThrottlingException", "TooManyRequestsException")


def send_through_ses(ses: "SESV2Client", *, sender: str, to: str, content: Any) -> str:
    """Send an e-mail with this content to one address; return SES's message id.

    A client error (4xx) means that nothing was sent. After a server error (5xx) or a lost
    connection the outcome is unknown. SES's own message may contain the address, so it is not
    logged. https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html

    Each call opens a new connection. SES may have closed a kept one, and a request lost on it would
    look like a lost response.

    Raises:
        EmailOutcomeUnknownError: it may have been sent.
        EmailThrottledError: it was not sent, and may be later.
        EmailRejectedError: it was not sent.
    """
    ses.close()
    try:
        response = ses.send_email(
            FromEmailAddress=sender,
            Destination={"ToAddresses": [to]},
            Content={"Simple": content},
        )
    except ClientError as refused:
        code = refused.response["Error"]["Code"]
        if refused.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise EmailOutcomeUnknownError(f"SES failed: {code}") from None
        if code in THROTTLED:
            raise EmailThrottledError(f"SES takes no e-mail for now: {code}") from None
        raise EmailRejectedError(f"SES rejected the e-mail: {code}") from None
    except (ConnectTimeoutError, EndpointConnectionError) as unreached:
        raise EmailRejectedError(f"SES was not reached: {unreached}") from None
    except HTTPClientError as lost:
        raise EmailOutcomeUnknownError(f"SES's answer was lost: {lost}") from None
    return str(response["MessageId"])


def is_throttled(error: BaseException) -> bool:
    """Return whether an e-mail was not sent because SES takes none for now."""
    return isinstance(error, EmailThrottledError)


def text_content(subject: str, text: str) -> dict[str, Any]:
    """Return an e-mail of plain text as SES's ``Content``."""
    return {
        "Subject": {"Data": subject, "Charset": "UTF-8"},
        "Body": {"Text": {"Data": text, "Charset": "UTF-8"}},
    }
