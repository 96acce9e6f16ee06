"""The URLs of an HTTP API and of its token endpoint, and the public keys of its authorizer.

AWS: `ApiEndpoint` is the URL at which clients call the API.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-api.html
A user pool's domain is https://<prefix>.auth.<region>.amazoncognito.com, and tokens come from
/oauth2/token there.
https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-assign-domain.html
A JWT authorizer takes the public keys from its issuer.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
MiniStack 1.5.33: the endpoint is https://<api id>.execute-api.localhost:<port>, a name that
resolves in browsers but not with every system's resolver, and that no certificate for localhost
covers. MiniStack serves the same API at the path /_aws/execute-api/<api id>, so that path is
given. It serves /oauth2/token at its own address, so an output with the domain of a user pool gets
that address. It looks for the keys of its own Cognito by plain HTTP even when it serves HTTPS, and
so refuses every token.
Can go: when MiniStack can be configured to give the path form, and asks itself by HTTPS.
"""

import os
import re
from typing import Any

from ministack.services import apigateway
from ministack.services.cloudformation import stacks

from emulator.patches._cloudformation import Properties, after

DOMAIN = re.compile(r"https://[a-z0-9-]+\.auth\.[a-z0-9-]+\.amazoncognito\.com")


def install() -> None:
    """Return URLs that resolve on this machine; fetch the authorizer's keys by HTTPS."""
    after("AWS::ApiGatewayV2::Api", _apply)
    resolve_outputs = stacks._resolve_stack_outputs

    def resolve_with_local_domain(*arguments: Any) -> Any:
        outputs, exports = resolve_outputs(*arguments)
        for output in outputs:
            output["OutputValue"] = DOMAIN.sub(_gateway(), output["OutputValue"])
        return outputs, exports

    stacks._resolve_stack_outputs = resolve_with_local_domain
    resolve_keys = apigateway._resolve_jwks_url
    plain = f"http://{apigateway._HOST}:{apigateway._PORT}/"

    async def resolve(authorizer: Any) -> str | None:
        url: str | None = await resolve_keys(authorizer)
        return url.replace(plain, f"{_gateway()}/") if url else url

    apigateway._resolve_jwks_url = resolve


def _apply(api_id: str, _properties: Properties, attributes: dict[str, Any]) -> None:
    endpoint = f"{_gateway()}/_aws/execute-api/{api_id}"
    apigateway._apis[api_id]["apiEndpoint"] = attributes["ApiEndpoint"] = endpoint


def _gateway() -> str:
    return os.environ["AWS_ENDPOINT_URL"]
