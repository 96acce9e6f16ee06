"""Faults by chance, in a running local cloud."""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from emulator.cloud import Cloud
from emulator.faults import control
from emulator.faults.chance import Kind


def test_requests_of_others_than_the_root_user_are_reset_until_faults_end(cloud: Cloud):
    function = boto3.client(
        "dynamodb",
        endpoint_url=cloud.endpoint,
        verify=str(cloud.certificate),
        region_name=cloud.region,
        aws_access_key_id="ASIAOTHER",
        aws_secret_access_key="none",
        config=Config(retries={"total_max_attempts": 1}),
    )
    control.begin(cloud, seed=7, rates={Kind.RESET: 1})
    try:
        with pytest.raises(ConnectionClosedError):
            function.list_tables()
        cloud.client("dynamodb").list_tables()
    finally:
        counts = control.end(cloud)

    assert counts == {Kind.RESET: 1}
    with pytest.raises(function.exceptions.ClientError, match="UnrecognizedClient"):
        function.list_tables()
