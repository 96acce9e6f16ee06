"""A queue that is long gives and deletes what a short one does."""

from emulator.cloud import Cloud


def test_deleted_batch_removes_its_entries_and_no_others(cloud: Cloud) -> None:
    sqs = cloud.client("sqs")
    queue = sqs.create_queue(QueueName="long")["QueueUrl"]
    for n in range(5):
        sqs.send_message(QueueUrl=queue, MessageBody=str(n))

    first = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=2)["Messages"]
    entries = [
        {"Id": "good", "ReceiptHandle": first[0]["ReceiptHandle"]},
        {"Id": "bad", "ReceiptHandle": "nobody's"},
    ]
    answer = sqs.delete_message_batch(QueueUrl=queue, Entries=entries)
    rest = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=3)["Messages"]
    depth = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    sqs.change_message_visibility(
        QueueUrl=queue, ReceiptHandle=first[1]["ReceiptHandle"], VisibilityTimeout=0
    )
    again = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]

    assert [message["Body"] for message in first] == ["0", "1"]
    assert [done["Id"] for done in answer["Successful"]] == ["good"]
    assert [(bad["Id"], bad["Code"]) for bad in answer["Failed"]] == [
        ("bad", "ReceiptHandleIsInvalid")
    ]
    assert [message["Body"] for message in rest] == ["2", "3", "4"]
    assert depth["ApproximateNumberOfMessagesNotVisible"] == "4"
    assert [message["Body"] for message in again] == ["1"]
