"""Tests of the clients: they reach what botocore's own would reach, with less to read."""

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from lambdas.contracts.transient import TRANSIENT_ERRORS
from lambdas.runtime import aws
from tests.support.clients import forget_clients
from tests.support.handlers import ACCOUNT
from tools.endpoint_data import TARGET, render

SERVICES = (
    *("cloudwatch", "dsql", "dynamodb", "events", "kinesis", "lambda", "s3", "sesv2", "sns"),
    *("sqs", "stepfunctions"),
)
REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-7", "cn-north-1", "us-gov-west-1")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    forget_clients()
    yield monkeypatch
    forget_clients()


def target(client: Any) -> tuple[object, ...]:
    """Where the client sends requests, and how it signs them."""
    signer = client._request_signer
    return (
        client.meta.endpoint_url,
        client.meta.config.signature_version,
        signer._signing_name,
        signer._region_name,
    )


def test_endpoint_data_is_current():
    """If not, run ``python -m tools.endpoint_data``."""
    assert TARGET.read_text() == render()


@pytest.mark.parametrize("region", REGIONS)
def test_client_reaches_what_botocores_own_reaches(account: pytest.MonkeyPatch, region: str):
    account.setenv("AWS_DEFAULT_REGION", region)
    whole = botocore.session.get_session()

    assert {service: target(aws.client(service)) for service in SERVICES} == {
        service: target(whole.create_client(service)) for service in SERVICES
    }


def test_bucket_has_the_address_that_botocores_own_gives_it(account: pytest.MonkeyPatch):
    account.setenv("AWS_DEFAULT_REGION", "us-east-1")
    whole: Any = botocore.session.get_session()
    request = {"Params": {"Bucket": "invoices", "Key": "INV-1.pdf"}, "ExpiresIn": 60}

    urls = [
        client.generate_presigned_url("get_object", **request).partition("?")[0]
        for client in (aws.client("s3"), whole.create_client("s3"))
    ]

    assert urls[0] == urls[1]


def test_client_is_made_once(account: pytest.MonkeyPatch):
    assert aws.client("sqs") is aws.client("sqs")


def test_session_reads_the_reduced_endpoint_data(account: pytest.MonkeyPatch):
    data = aws._session().get_component("data_loader").load_data("endpoints")

    assert {service for each in data["partitions"] for service in each["services"]} == {"s3"}


@pytest.mark.parametrize(
    ("status", "code", "name"),
    [
        (503, "ServiceUnavailable", "ServiceUnavailableError"),
        (500, "", "ServiceUnavailableError"),
        (500, "InternalServerError", "InternalServerError"),
        (400, "AccessDeniedException", "ClientError"),
    ],
)
def test_server_error_has_a_name_by_which_sagas_defer(
    account: pytest.MonkeyPatch, status: int, code: str, name: str
):
    """botocore calls each error that it does not know ClientError, so an outage like a denial."""
    dynamodb = aws.make_client("dynamodb", aws.CONFIG)
    with Stubber(dynamodb) as answers:
        answers.add_client_error("list_tables", code, "", status)
        with pytest.raises(ClientError) as raised:
            dynamodb.list_tables()

    assert type(raised.value).__name__ == name
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert (name in TRANSIENT_ERRORS) == (status >= 500)
