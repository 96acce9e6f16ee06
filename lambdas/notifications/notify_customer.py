"""Something happened to an order that its customer wants to know: write a mail."""

from typing import Any

from lambdas.notifications.domain import hear_news, letter, notice
from lambdas.notifications.post import Post
from lambdas.notifications.store import Contacts, Mails
from lambdas.runtime.aws import SINGLE_ATTEMPT, client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

post = Post(
    contacts=Contacts(setting("CUSTOMERS_TABLE"), dynamodb=client("dynamodb")),
    mails=Mails(setting("MAILS_TABLE"), dynamodb=client("dynamodb")),
    sender=setting("SENDER"),
    ses=client("sesv2", SINGLE_ATTEMPT),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer CustomerNotified, the same the second time; raise what ``Post.deliver`` does."""
    fact = hear_news(event)
    mail = post.deliver(letter(fact))
    log("customer notified", order_id=mail.order_id, notice=mail.kind, result=mail.state)
    return notice(fact, mail).to_lambda_response()
