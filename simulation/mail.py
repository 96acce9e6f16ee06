"""SES: every mail that it accepted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulation.kernel import Kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail that SES accepted."""

    id: str
    at: float
    to: str
    subject: str
    text: str
    attachment: bytes


SUBJECTS = {
    "OrderConfirmed": "Your order {} is confirmed",
    "OrderRejected": "Your order {} cannot be fulfilled",
    "OrderCancelled": "Your order {} is cancelled",
    "OrderDispatched": "Your order {} is on its way",
    "Invoice": "Invoice INV-{}",
}
"""The subjects of the mails about an order, by their kind."""


def is_about(mail: Mail, order_id: str, kind: str) -> bool:
    """Return whether a mail is the one of this kind about this order."""
    return mail.subject == SUBJECTS[kind].format(order_id)


class MailService:
    """SES. It has no idempotency token: who asks twice sends twice."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.accepted: list[Mail] = []
        self.on_mail: list[Callable[[Mail], object]] = []

    def send_email(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Accept a mail; return its id."""
        content = request["Content"]["Simple"]
        (to,) = request["Destination"]["ToAddresses"]
        mail = Mail(
            id=f"mail-{len(self.accepted) + 1}",
            at=self._kernel.now,
            to=to,
            subject=content["Subject"]["Data"],
            text=content["Body"]["Text"]["Data"],
            attachment=b"".join(each["RawContent"] for each in content.get("Attachments", ())),
        )
        self.accepted.append(mail)
        for notice in self.on_mail:
            notice(mail)
        return {"MessageId": mail.id}
