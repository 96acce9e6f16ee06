"""The requests and responses of the notifications service's routes."""

from dataclasses import dataclass

from lambdas.contracts.problems import ProblemType
from lambdas.contracts.routes import ANYONE, Route
from lambdas.notifications.contacts import AddressState, WantedContact

TOO_MANY_MAILS = ProblemType(
    status=429, name="too-many-mails", title="No further confirmation is mailed today"
)
TRY_TOMORROW = "enough mails that ask for confirmation were sent today; try again tomorrow"
MAIL_NOT_SENT = ProblemType(
    status=503, name="mail-not-sent", title="The confirmation could not be mailed"
)
TRY_AGAIN = "the mail that asks for confirmation could not be sent; try again"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactView:
    """The address and the name, and whether the owner of the address has confirmed it."""

    email: str
    name: str
    state: AddressState


ROUTES = (
    Route(
        key="PUT /contact",
        summary="Say where you receive mail: 202 if a mail asks the address's owner first",
        body=WantedContact,
        responses={200: ContactView, 202: ContactView},
        problems=(TOO_MANY_MAILS, MAIL_NOT_SENT),
    ),
    Route(
        key="DELETE /contact",
        summary="Erase your address, your name, and yourself from records of mails",
        responses={204: None},
    ),
    Route(
        key="GET /contact/confirmation",
        summary="A page with the button that confirms an address; 410 without a token",
        caller=ANYONE,
        responses={200: str, 410: str},
    ),
    Route(
        key="POST /contact/confirmation",
        summary="Confirm an address with the token of its mail, as that page posts it",
        caller=ANYONE,
        responses={200: str, 410: str},
    ),
)
