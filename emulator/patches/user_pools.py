"""Sign-up at user pools, the identity of their users, and the tokens that HTTP APIs accept.

AWS: if only administrators may create users, SignUp is refused. A user's ``sub`` never changes. A
password is reset by a random code, sent to an address that was verified. A challenge is answered
with the session of who had it, after giving the password. A refresh token is encrypted, so no
authorizer accepts it.
https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminCreateUserConfigType.html
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-refresh-token.html
https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ForgotPassword.html
https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_RespondToAuthChallenge.html
MiniStack 1.5.33: anybody may sign up; users may take the ``sub`` of others, and get tokens with it;
the code is 654321, for any user, so anybody may set a password; anybody may answer the challenge of
a new password or of a second factor for any user, without a session, and gets tokens; a refresh
token is a signed token like an access token. With the patch, a second factor cannot be set up while
signing in.
Can go: when MiniStack refuses all five.
"""

import json
from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import apigateway, cognito

from emulator.patches._seams import seam

CHALLENGES = ("NEW_PASSWORD_REQUIRED", "SOFTWARE_TOKEN_MFA", "MFA_SETUP")
"""The challenges that follow a user's password."""


def install() -> None:
    """Refuse SignUp if only administrators may create users.

    Refuse changes of a user's ``sub``, codes for users without a verified address, answers to
    challenges without their session, and refresh tokens in authorizers.
    """
    sign_up = seam(cognito, "_sign_up", "data")
    forget = seam(cognito, "_forgot_password", "data")
    validate = seam(
        apigateway,
        "_validate_jwt_authorizer",
        *("route", "authorizer", "headers", "query_params"),
    )

    def signed_up(data: dict[str, Any]) -> Any:
        for pool in cognito._user_pools.values():
            settings = pool.get("AdminCreateUserConfig") or {}
            if data.get("ClientId") in pool["_clients"] and settings.get(
                "AllowAdminCreateUserOnly"
            ):
                return error_response_json(
                    "NotAuthorizedException", "SignUp is not permitted for this user pool", 400
                )
        return sign_up(data)

    def forgot(data: dict[str, Any]) -> Any:
        answer = forget(data)
        pool, _ = cognito._pool_for_client(data.get("ClientId"))
        user, _ = cognito._resolve_user(pool, data.get("Username")) if pool else (None, None)
        if user and not _is_verified(user):
            user.pop("_reset_code", None)
        return answer

    signed_in, respond = _signing_in(), seam(cognito, "_respond_to_auth_challenge", "data")

    def responded(data: dict[str, Any]) -> Any:
        pool, _ = cognito._pool_for_client(data.get("ClientId"))
        name = (data.get("ChallengeResponses") or {}).get("USERNAME")
        user, _ = cognito._resolve_user(pool, name) if pool else (None, None)
        had = (data.get("ClientId"), user and user["Username"], data.get("ChallengeName"))
        if (
            data.get("ChallengeName") in CHALLENGES
            and signed_in.get(str(data.get("Session"))) != had
        ):
            return error_response_json(
                "NotAuthorizedException", "Invalid session for the user.", 400
            )
        return respond(data)

    async def validated(route: Any, authorizer: Any, headers: Any, query_params: Any) -> Any:
        claims, scopes, refusal = await validate(route, authorizer, headers, query_params)
        if claims and claims.get("token_use") == "refresh":
            return None, None, apigateway._jwt_unauthorized()
        return claims, scopes, refusal

    cognito._sign_up = signed_up
    cognito._forgot_password = forgot
    cognito._respond_to_auth_challenge = responded
    for name in ("_update_user_attributes", "_admin_update_user_attributes"):
        setattr(cognito, name, _keeping_sub(seam(cognito, name, "data")))
    apigateway._validate_jwt_authorizer = validated


def _keeping_sub(update: Callable[..., Any]) -> Callable[..., Any]:
    def updated(data: dict[str, Any]) -> Any:
        if any(each.get("Name") == "sub" for each in data.get("UserAttributes") or ()):
            return error_response_json(
                "InvalidParameterException", "user.sub: Attribute cannot be updated.", 400
            )
        return update(data)

    return updated


def _signing_in() -> dict[str, tuple[str, str, str]]:
    """Return a dictionary that gets the session of each challenge: its client, user and name."""
    sessions: dict[str, tuple[str, str, str]] = {}
    follow = seam(
        cognito,
        "_password_auth_result",
        *("pool", "pid", "cid", "user", "username", "client_metadata", "data"),
    )

    def followed(pool: Any, pid: str, cid: str, user: Any, *rest: Any, **more: Any) -> Any:
        answer = follow(pool, pid, cid, user, *rest, **more)
        challenge = json.loads(answer[2])
        if "Session" in challenge:
            sessions[challenge["Session"]] = cid, user["Username"], challenge["ChallengeName"]
        return answer

    cognito._password_auth_result = followed
    return sessions


def _is_verified(user: dict[str, Any]) -> bool:
    verified = {"email_verified", "phone_number_verified"}
    return any(each["Name"] in verified and each["Value"] == "true" for each in user["Attributes"])
