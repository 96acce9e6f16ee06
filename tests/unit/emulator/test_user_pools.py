import asyncio
import json
from typing import Any

import pytest
from ministack.services import apigateway, cognito

from emulator.patches import user_pools

REPLACED = {
    cognito: ("_sign_up", "_update_user_attributes", "_admin_update_user_attributes"),
    apigateway: ("_validate_jwt_authorizer",),
}


def restore_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, names in REPLACED.items():
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name))


@pytest.mark.parametrize(("use", "taken"), [("access", True), ("id", True), ("refresh", False)])
def test_http_api_refuses_a_refresh_token(monkeypatch: pytest.MonkeyPatch, use: str, taken: bool):
    async def validated(route: Any, authorizer: Any, headers: Any, query_params: Any) -> Any:
        return {"token_use": use}, [], None

    restore_at_the_end(monkeypatch)
    monkeypatch.setattr(apigateway, "_validate_jwt_authorizer", validated)
    user_pools.install()
    claims, _, refusal = asyncio.run(apigateway._validate_jwt_authorizer({}, {}, {}, {}))
    assert bool(claims) is taken
    assert (refusal is None) is taken
    assert taken or refusal[0] == 401


def answer(call: Any, **request: Any) -> tuple[int, Any]:
    status, _, body = call(request)
    return status, json.loads(body)


def test_user_cannot_become_another_one(monkeypatch: pytest.MonkeyPatch):
    """A token's ``sub`` is the customer: whose orders are read, cancelled and mailed."""
    restore_at_the_end(monkeypatch)
    user_pools.install()
    _, created = answer(cognito._create_user_pool, PoolName="p")
    pool, password = created["UserPool"]["Id"], "Aa1!aaaaaaaa"
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    _, app = answer(
        cognito._create_user_pool_client, UserPoolId=pool, ClientName="c", ExplicitAuthFlows=flows
    )
    eve = {"UserPoolId": pool, "Username": "eve"}
    answer(cognito._admin_create_user, **eve)
    answer(cognito._admin_set_user_password, **eve, Password=password, Permanent=True)
    _, signed_in = answer(
        cognito._initiate_auth,
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId=app["UserPoolClient"]["ClientId"],
        AuthParameters={"USERNAME": "eve", "PASSWORD": password},
    )
    token = signed_in["AuthenticationResult"]["AccessToken"]
    _, before = answer(cognito._get_user, AccessToken=token)

    victim = {"UserAttributes": [{"Name": "sub", "Value": "victim"}]}
    refused = answer(cognito._update_user_attributes, AccessToken=token, **victim)
    refused_to_operators = answer(cognito._admin_update_user_attributes, **eve, **victim)

    assert refused == refused_to_operators
    assert refused[0] == 400
    assert refused[1]["message"] == "user.sub: Attribute cannot be updated."
    assert answer(cognito._get_user, AccessToken=token) == (200, before)
    named = {"UserAttributes": [{"Name": "name", "Value": "Eve"}]}
    assert answer(cognito._update_user_attributes, AccessToken=token, **named)[0] == 200
