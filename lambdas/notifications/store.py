"""What the notifications service keeps: contacts, what became of mails, and invoices."""

from typing import Any

from botocore.exceptions import ClientError

from lambdas.contracts.codec import decode, encode
from lambdas.notifications.domain import SENDING, SENT, Contact, EmailRecord
from lambdas.runtime.dynamodb import from_item, to_item


class Contacts:
    """The table of customers, keyed by ``customer_id``: the only place that knows an address."""

    def __init__(self, table: str, *, dynamodb: Any) -> None:
        """``table`` is its name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def put(self, contact: Contact) -> None:
        """Keep how a customer is reached, in the place of what was known before."""
        self._dynamodb.put_item(TableName=self._table, Item=to_item(encode(contact)))

    def find(self, customer_id: str) -> Contact | None:
        """How a customer is reached; None if nobody knows."""
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=to_item({"customer_id": customer_id}), ConsistentRead=True
        )
        return decode(Contact, from_item(answer["Item"])) if "Item" in answer else None


class EmailRecords:
    """The table of mails, keyed by ``order_id`` and ``kind``, so that an order has one of each."""

    def __init__(self, table: str, *, dynamodb: Any) -> None:
        """``table`` is its name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def create(self, record: EmailRecord) -> EmailRecord | None:
        """Record a mail; None if that is new, else the one that was recorded before.

        Where the answer to the first request is lost, boto3's second one meets what that recorded,
        which is new all the same.
        """
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=to_item(encode(record)),
                ConditionExpression="attribute_not_exists(order_id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as conflict:
            known = decode(EmailRecord, from_item(conflict.response["Item"]))
            return None if known == record else known
        return None

    def mark_sent(self, record: EmailRecord, message_id: str, *, now: str) -> EmailRecord:
        """Note that SES took the mail, and return what it now is."""
        answer = self._dynamodb.update_item(
            TableName=self._table,
            Key=to_item({"order_id": record.order_id, "kind": record.kind}),
            UpdateExpression="SET #state = :sent, changed_at = :now, message_id = :message_id",
            ConditionExpression="#state = :sending",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues=to_item(
                {":sent": SENT, ":sending": SENDING, ":now": now, ":message_id": message_id}
            ),
            ReturnValues="ALL_NEW",
        )
        return decode(EmailRecord, from_item(answer["Attributes"]))

    def delete(self, record: EmailRecord) -> None:
        """Forget a mail that surely was not sent, so that it may be tried again."""
        try:
            self._dynamodb.delete_item(
                TableName=self._table,
                Key=to_item({"order_id": record.order_id, "kind": record.kind}),
                ConditionExpression="claim = :claim",
                ExpressionAttributeValues=to_item({":claim": record.claim}),
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return  # A first request did it, whose answer was lost: what is there is another's.


class Invoices:
    """The bucket of invoices."""

    def __init__(self, bucket: str, *, s3: Any) -> None:
        """``bucket`` is its name, ``s3`` boto3's client."""
        self._bucket = bucket
        self._s3 = s3

    def put_if_absent(self, key: str, pdf: bytes) -> bool:
        """Keep an invoice unless there is one; tell whether it is new.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=pdf,
                ContentType="application/pdf",
                IfNoneMatch="*",
            )
        except ClientError as refused:
            if refused.response["Error"]["Code"] != "PreconditionFailed":
                raise
            return False
        return True

    def read(self, key: str) -> bytes:
        """An invoice as it was written."""
        content: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return content
