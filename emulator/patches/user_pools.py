"""Sign-up at user pools, and the tokens that HTTP APIs accept.

AWS: if only administrators may create users, SignUp is refused. A refresh token is encrypted, so no
authorizer accepts it.
https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminCreateUserConfigType.html
https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-refresh-token.html
MiniStack 1.5.33: anybody may sign up; a refresh token is a signed token like an access token.
Can go: when MiniStack refuses both.
"""

from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import apigateway, cognito

from emulator.patches._seams import seam


def install() -> None:
    """Refuse SignUp if only administrators may create users.

    Refuse refresh tokens in authorizers.
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
    apigateway._validate_jwt_authorizer = validated
