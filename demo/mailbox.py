"""The mails that the local cloud's SES accepted, and the confirmation links in them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from urllib3 import Retry

from demo.api_client import ATTEMPTS, FIRST_PAUSE, LONGEST_PAUSE
from demo.errors import DemoError
from emulator.cloud import Cloud
from emulator.gateway import KEY_HEADER

_LINK = re.compile(r"(https://\S+/contact/confirmation)\?token=(\S+)")
_RETRIES = Retry(
    ATTEMPTS,
    status_forcelist=(429, *range(500, 600)),
    allowed_methods=None,
    backoff_factor=FIRST_PAUSE,
    backoff_max=LONGEST_PAUSE,
    raise_on_status=False,
)
"""The API refuses what is too much for the laptop. A link is confirmed once, however often."""


@dataclass(frozen=True, slots=True)
class ConfirmationLink:
    """The link in a mail that asks its reader to confirm the address."""

    page: str
    token: str


class Mailbox:
    """The mails to all customers."""

    def __init__(self, http: Any, *, cloud: Cloud) -> None:
        """``http`` is urllib3's pool manager for the local cloud."""
        self._http = http
        self._url = f"{cloud.endpoint}/_ministack/ses/messages"
        self._headers = {KEY_HEADER: cloud.access_key}

    def order_mails(self) -> list[Mapping[str, Any]]:
        """Return the mails that are about orders."""
        return [mail for mail in self._read() if _link(mail) is None]

    def links(self) -> list[ConfirmationLink]:
        """Return the newest confirmation link for each address; older ones are no longer valid."""
        mails = sorted(self._read(), key=lambda mail: float(mail["Timestamp"]))
        links = {mail["To"][0]: link for mail in mails if (link := _link(mail))}
        return list(links.values())

    def confirm(self, link: ConfirmationLink) -> None:
        """Confirm an address, as the button on the link's page does.

        Raises:
            DemoError: the link was not accepted, and was not used before.
        """
        answer = self._http.request(
            "POST",
            link.page,
            body=urlencode({"token": link.token}),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            retries=_RETRIES,
        )
        if answer.status not in (200, 410):
            raise DemoError(f"the link of a mail was answered with {answer.status}")

    def _read(self) -> list[Mapping[str, Any]]:
        content = json.loads(self._http.request("GET", self._url, headers=self._headers).data)
        return [mail for mails in content["messages"].values() for mail in mails]


def _link(mail: Mapping[str, Any]) -> ConfirmationLink | None:
    match = _LINK.search(mail["BodyText"])
    return ConfirmationLink(match[1], match[2]) if match else None
