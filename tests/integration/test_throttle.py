"""The stage of an HTTP API refuses what exceeds its limits, before the function is called."""

import urllib3

from emulator.cloud import Cloud
from tests.support.small_stacks import Deploy, get, ref


def test_stage_refuses_requests_above_its_burst(cloud: Cloud, deploy: Deploy) -> None:
    limits = {"ThrottlingRateLimit": 0.001, "ThrottlingBurstLimit": 3}
    stage = {"ApiId": ref("Api"), "StageName": "$default", "DefaultRouteSettings": limits}
    stack = deploy(
        {
            "Api": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {"Name": "probe", "ProtocolType": "HTTP"},
            },
            "Stage": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": stage},
        },
        Endpoint=get("Api", "ApiEndpoint"),
    )
    http = urllib3.PoolManager(ca_certs=str(cloud.certificate), retries=False)

    url, body = f"{stack.outputs['Endpoint']}/orders", b"x" * 100_000
    answers = [http.request("POST", url, body=body) for _ in range(5)]

    # There is no route for what is let through.
    assert [answer.status for answer in answers] == [403, 403, 403, 429, 429]
    assert answers[-1].json() == {"message": "Too Many Requests"}
