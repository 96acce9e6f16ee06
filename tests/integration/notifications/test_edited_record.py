"""A record of an e-mail that changed while the e-mail was sent; an edited contact."""

from typing import Any

import pytest

from lambdas.notifications.email_records import EmailOutcomeUnknownError
from lambdas.notifications.erasure import Erased, Erasure
from lambdas.notifications.store import EmailRecords
from tests.support.mailer import MESSAGE, Mailer
from tests.support.spy import Spy


@pytest.mark.parametrize("left", [{}, {"claim": {"S": "another's"}, "state": {"S": "SENDING"}}])
def test_record_that_is_gone_or_anothers_is_not_marked_as_sent(
    mailer: Mailer, left: dict[str, Any]
):
    key = {"order_id": {"S": "o1"}, "kind": {"S": "OrderConfirmed"}}

    def edit(operation: str) -> None:
        if operation == "update_item":
            mailer.dynamodb.delete_item(TableName=mailer.records_table, Key=key)
            if left:
                mailer.dynamodb.put_item(TableName=mailer.records_table, Item=key | left)

    edited = EmailRecords(mailer.records_table, dynamodb=Spy(mailer.dynamodb, edit))
    with pytest.raises(EmailOutcomeUnknownError, match="was changed by another"):
        mailer.mail_sender(records=edited).send(MESSAGE)

    row = mailer.dynamodb.get_item(TableName=mailer.records_table, Key=key).get("Item", {})
    assert row == (key | left if left else {})


def test_customer_who_is_erased_while_a_mail_is_sent_is_not_in_its_record(mailer: Mailer):
    erasure = Erasure(contacts=mailer.contacts, records=mailer.records)
    mailer.ses.first = lambda: erasure.erase("ada")

    assert mailer.send().state == "SENT"

    (row,) = mailer.dynamodb.scan(TableName=mailer.records_table)["Items"]
    assert "customer_id" not in row
    assert "message_id" not in row


def test_contact_that_cannot_be_read_is_previewed_and_erased(mailer: Mailer):
    row = {"customer_id": {"S": "eve"}, "email": {"S": "eve@example.com"}, "name": {"N": "7"}}
    mailer.dynamodb.put_item(TableName=mailer.contacts._table, Item=row)
    erasure = Erasure(contacts=mailer.contacts, records=mailer.records)

    assert erasure.preview("eve") == Erased(contact=True, emails=0)
    assert erasure.erase("eve") == Erased(contact=True, emails=0)
    assert erasure.preview("eve") == Erased(contact=False, emails=0)
