"""Sign-up at user pools, the identity of their users, and the tokens that HTTP APIs accept.

AWS: if only administrators may create users, SignUp is refused. A user's ``sub`` never changes. A
refresh token is encrypted, so no authorizer accepts it.
https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminCreateUserConfigType.html
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-refresh-token.html
MiniStack 1.5.33: anybody may sign up; users may take the ``sub`` of others, and get tokens with it;
a refresh token is a signed token like an access token.
Can go: when MiniStack refuses all three.
"""

from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import apigateway, cognito

from emulator.patches._seams import seam


def install() -> None:
    """Refuse SignUp if only administrators may create users.

    Refuse changes of a user's ``sub``, and refresh tokens in authorizers.
    """
    sign_up = seam(cognito, "_sign_up", "data")
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

    async def validated(route: Any, authorizer: Any, headers: Any, query_params: Any) -> Any:
        claims, scopes, refusal = await validate(route, authorizer, headers, query_params)
        if claims and claims.get("token_use") == "refresh":
            return None, None, apigateway._jwt_unauthorized()
        return claims, scopes, refusal

    cognito._sign_up = signed_up
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
