import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ministack.services import apigateway, cognito

from emulator.patches import user_pools

PASSWORD = "Aa1!aaaaaaaa"
REPLACED = {
    cognito: (
        *("_sign_up", "_update_user_attributes", "_admin_update_user_attributes"),
        *("_forgot_password", "_password_auth_result", "_respond_to_auth_challenge"),
    ),
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


def make_user(name: str, **attributes: str) -> tuple[str, str]:
    """Make a user of a new pool; return the pool's id and its client's."""
    _, created = answer(cognito._create_user_pool, PoolName="p")
    pool = created["UserPool"]["Id"]
    _, made = answer(
        cognito._create_user_pool_client,
        UserPoolId=pool,
        ClientName="c",
        PreventUserExistenceErrors="ENABLED",
    )
    named = [{"Name": key, "Value": value} for key, value in attributes.items()]
    user = {"UserPoolId": pool, "Username": name}
    answer(cognito._admin_create_user, **user, UserAttributes=named)
    answer(cognito._admin_set_user_password, **user, Password=PASSWORD, Permanent=True)
    return pool, made["UserPoolClient"]["ClientId"]


def test_user_cannot_become_another_one(monkeypatch: pytest.MonkeyPatch):
    """A token's ``sub`` is the customer: whose orders are read, cancelled and mailed."""
    restore_at_the_end(monkeypatch)
    user_pools.install()
    pool, app = make_user("eve")
    _, signed_in = answer(
        cognito._initiate_auth,
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId=app,
        AuthParameters={"USERNAME": "eve", "PASSWORD": PASSWORD},
    )
    token = signed_in["AuthenticationResult"]["AccessToken"]
    _, before = answer(cognito._get_user, AccessToken=token)

    victim = {"UserAttributes": [{"Name": "sub", "Value": "victim"}]}
    refused = answer(cognito._update_user_attributes, AccessToken=token, **victim)
    by_administrator = {"UserPoolId": pool, "Username": "eve", **victim}
    refused_again = answer(cognito._admin_update_user_attributes, **by_administrator)

    assert refused == refused_again
    assert refused[0] == 400
    assert refused[1]["message"] == "user.sub: Attribute cannot be updated."
    assert answer(cognito._get_user, AccessToken=token) == (200, before)
    named = {"UserAttributes": [{"Name": "name", "Value": "Eve"}]}
    assert answer(cognito._update_user_attributes, AccessToken=token, **named)[0] == 200


@pytest.mark.parametrize("verified", ["true", "false", None])
def test_password_is_reset_only_by_a_code_to_a_verified_address(
    monkeypatch: pytest.MonkeyPatch, verified: str | None
):
    """MiniStack's code is always the same, so anybody knows it."""
    restore_at_the_end(monkeypatch)
    user_pools.install()
    attributes = {"email": "ada@example.com", "email_verified": verified} if verified else {}
    pool, app = make_user("ada", **attributes)

    user = cognito._user_pools[pool]["_users"]["ada"]
    (sub,) = (each["Value"] for each in user["Attributes"] if each["Name"] == "sub")

    known, by_sub, unknown = (
        answer(cognito._forgot_password, ClientId=app, Username=name)
        for name in ("ada", sub, "nobody")
    )

    assert ("_reset_code" in user) is (verified == "true")
    assert by_sub == known
    assert known[0] == unknown[0] == 200
    assert known[1].keys() == unknown[1].keys()


CHALLENGES = ("NEW_PASSWORD_REQUIRED", "SOFTWARE_TOKEN_MFA", "MFA_SETUP")


@pytest.mark.parametrize("challenge", CHALLENGES)
def test_challenge_is_answered_only_by_who_had_it(monkeypatch: pytest.MonkeyPatch, challenge: str):
    """Who had it has given the password of the user."""
    restore_at_the_end(monkeypatch)
    user_pools.install()
    pool, app = make_user("ada")
    bob = {"UserPoolId": pool, "Username": "bob"}
    answer(cognito._admin_create_user, **bob, TemporaryPassword=PASSWORD)
    _, challenged = answer(
        cognito._initiate_auth,
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId=app,
        AuthParameters={"USERNAME": "bob", "PASSWORD": PASSWORD},
    )

    def respond(user: str, session: str | None) -> int:
        status, _ = answer(
            cognito._respond_to_auth_challenge,
            ClientId=app,
            ChallengeName=challenge,
            Session=session,
            ChallengeResponses={"USERNAME": user, "NEW_PASSWORD": "Bb2?bbbbbbbb"},
        )
        return status

    assert [respond("ada", session) for session in (None, "x", challenged["Session"])] == [400] * 3
    assert respond("nobody", None) == 400
    assert cognito._user_pools[pool]["_users"]["ada"]["_password"] == PASSWORD
    expected = 200 if challenge == challenged["ChallengeName"] else 400
    assert respond("bob", challenged["Session"]) == expected


def test_keys_of_user_pools_are_not_where_other_users_can_read_them():
    directory = Path(cognito._POOL_KEYS_DIR).parent

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
