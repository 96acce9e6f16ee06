"""The endpoint of an HTTP API accepts the tokens of its user pool."""

import json
import ssl
import urllib.error
import urllib.request

import pytest

from emulator.cloud import Cloud
from tests.support.small_stacks import Deploy, client, function, get, ref, role


def test_api_endpoint_accepts_the_pools_tokens_and_no_others(cloud: Cloud, deploy: Deploy) -> None:
    issuer = {
        "Fn::Sub": "https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${Pool}",
    }
    user_client = {"UserPoolId": ref("Pool"), "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]}
    integration = {
        "ApiId": ref("Api"),
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": get("Logs"),
        "PayloadFormatVersion": "2.0",
    }
    authorizer = {
        "ApiId": ref("Api"),
        "Name": "pool",
        "AuthorizerType": "JWT",
        "IdentitySource": ["$request.header.Authorization"],
        "JwtConfiguration": {"Issuer": issuer, "Audience": [ref("Client")]},
    }
    route = {
        "ApiId": ref("Api"),
        "RouteKey": "GET /orders/{id}",
        "Target": {"Fn::Sub": "integrations/${Integration}"},
        "AuthorizationType": "JWT",
        "AuthorizerId": ref("Authorizer"),
    }
    stage = {"ApiId": ref("Api"), "StageName": "$default", "AutoDeploy": True}
    permission = {
        "FunctionName": get("Logs"),
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
    }
    api = {"Name": "probe", "ProtocolType": "HTTP"}
    stack = deploy(
        {
            "Role": role(),
            "Logs": function("logs"),
            "Permission": {"Type": "AWS::Lambda::Permission", "Properties": permission},
            "Pool": {"Type": "AWS::Cognito::UserPool"},
            "Client": {"Type": "AWS::Cognito::UserPoolClient", "Properties": user_client},
            "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": api},
            "Stage": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": stage},
            "Integration": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": integration},
            "Authorizer": {"Type": "AWS::ApiGatewayV2::Authorizer", "Properties": authorizer},
            "Route": {"Type": "AWS::ApiGatewayV2::Route", "Properties": route},
        },
        Endpoint=get("Api", "ApiEndpoint"),
        Api=ref("Api"),
        Pool=ref("Pool"),
        Client=ref("Client"),
    )
    users = client(cloud, "cognito-idp")
    pool, password = stack.outputs["Pool"], "Correct-h0rse"
    users.admin_create_user(UserPoolId=pool, Username="ann", MessageAction="SUPPRESS")
    users.admin_set_user_password(
        UserPoolId=pool, Username="ann", Password=password, Permanent=True
    )
    token = users.initiate_auth(
        ClientId=stack.outputs["Client"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ann", "PASSWORD": password},
    )["AuthenticationResult"]["AccessToken"]

    trust = ssl.create_default_context(cafile=str(cloud.certificate))
    url = f"{stack.outputs['Endpoint']}/orders/7"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(url, context=trust)
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, context=trust) as answer:
        assert json.load(answer)["path"] == "/orders/7"

    described = client(cloud, "apigatewayv2").get_api(ApiId=stack.outputs["Api"])
    assert described["ApiEndpoint"] == stack.outputs["Endpoint"]
