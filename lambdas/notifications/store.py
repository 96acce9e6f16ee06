"""The table of e-mail records and the bucket of invoices."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.contracts.codec import encode, read_row
from lambdas.notifications.email_records import SENT, EmailOutcomeUnknownError, EmailRecord
from lambdas.runtime.dynamodb import from_item, refused_row, to_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client


class EmailRecords:
    """The table of e-mail records, keyed by ``order_id`` and ``kind``."""

    def __init__(self, table: str, *, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the table's name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def create(self, record: EmailRecord) -> EmailRecord | None:
        """Create a record. Return None if it was created, else the record that exists already.

        If the response to a request is lost, boto3's retry finds the record that the request
        created. That counts as created.
        """
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=to_item(encode(record)),
                ConditionExpression="attribute_not_exists(order_id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as conflict:
            known = _record(refused_row(conflict))
            return None if known == record else known
        return None

    def mark_sent(self, record: EmailRecord, message_id: str, *, now: str) -> EmailRecord:
        """Record that SES accepted the e-mail; return the record as it is now.

        If the customer was erased meanwhile, the record does not get SES's id of the e-mail.

        Raises:
            EmailOutcomeUnknownError: the record is gone, or another attempt's. It is not changed.
        """
        marked = self._mark_sent_as(record, message_id, now=now) or self._mark_sent_to_erased(
            record, now=now
        )
        if marked is None:
            raise EmailOutcomeUnknownError(
                f"the e-mail {record.kind} of order {record.order_id} was sent as {message_id}, "
                "and its record was changed by another"
            )
        return marked

    def _mark_sent_as(
        self, record: EmailRecord, message_id: str, *, now: str
    ) -> EmailRecord | None:
        """Do it with SES's id of the e-mail, if the record still has its customer."""
        return self._update(
            record,
            "SET #state = :sent, changed_at = :now, message_id = :id",
            condition="claim = :claim AND attribute_exists(customer_id)",
            values={":sent": SENT, ":now": now, ":id": message_id},
        )

    def _mark_sent_to_erased(self, record: EmailRecord, *, now: str) -> EmailRecord | None:
        """Do it without the id, which leads to the customer."""
        return self._update(
            record,
            "SET #state = :sent, changed_at = :now",
            condition="claim = :claim",
            values={":sent": SENT, ":now": now},
        )

    def _update(
        self, record: EmailRecord, update: str, *, condition: str, values: Mapping[str, str]
    ) -> EmailRecord | None:
        """Update a record; return it as it is now, or None if ``condition`` does not hold."""
        try:
            response = self._dynamodb.update_item(
                TableName=self._table,
                Key=to_item({"order_id": record.order_id, "kind": record.kind}),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=to_item({**values, ":claim": record.claim}),
                ReturnValues="ALL_NEW",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return None
        return _record(from_item(response["Attributes"]))

    def delete(self, record: EmailRecord) -> None:
        """Delete the record of an e-mail that SES rejected, so that it may be tried again."""
        try:
            self._dynamodb.delete_item(
                TableName=self._table,
                Key=to_item({"order_id": record.order_id, "kind": record.kind}),
                ConditionExpression="claim = :claim",
                ExpressionAttributeValues=to_item({":claim": record.claim}),
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            # An earlier request deleted it, and its response was lost. This record is a newer one.
            return

    def of_customer(self, customer_id: str) -> Iterator[tuple[str, str]]:
        """Yield order id and kind of each e-mail to a customer. The newest ones may be missing.

        The index is updated shortly after its table.
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html
        """
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="customer_id",
            KeyConditionExpression="customer_id = :customer",
            ExpressionAttributeValues=to_item({":customer": customer_id}),
        )
        for page in pages:
            for row in map(from_item, page["Items"]):
                yield row["order_id"], row["kind"]

    def clear_customer(self, key: tuple[str, str]) -> bool:
        """Remove the customer from an e-mail's record; return whether it was there.

        The state stays: it keeps the e-mail from being sent a second time.
        """
        order_id, kind = key
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=to_item({"order_id": order_id, "kind": kind}),
                UpdateExpression="REMOVE customer_id, message_id",
                ConditionExpression="attribute_exists(customer_id)",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _record(row: Mapping[str, Any]) -> EmailRecord:
    return read_row(EmailRecord, row, "order_id", "kind")


class Invoices:
    """The bucket of invoices."""

    def __init__(self, bucket: str, *, s3: "S3Client") -> None:
        """``bucket`` is the bucket's name, ``s3`` boto3's client."""
        self._bucket = bucket
        self._s3 = s3

    def put_if_absent(self, key: str, pdf: bytes) -> bool:
        """Store an invoice unless one is stored under the key; return whether it was stored.

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
        """Return the PDF of an invoice."""
        content: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return content
