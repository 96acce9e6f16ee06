"""The HTTP API and its two kinds of callers: the smoke test's customer, and operators."""

import base64
import json
import os
import secrets
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from boto3 import Session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

ATTEMPTS = 5
SECONDS_BETWEEN_ATTEMPTS = 2
TIMEOUT_SECONDS = 35
"""API Gateway answers after 30 seconds at the latest."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API."""

    status: int
    body: Mapping[str, Any]


Send = Callable[[urllib.request.Request], Answer]
Authorize = Callable[[urllib.request.Request], object]
"""Adds what a caller shows to be let in."""


def open_request(request: urllib.request.Request) -> Answer:
    """Send a request, and return the answer with any status.

    AWS_CA_BUNDLE names the certificates to trust, as for AWS's own tools.

    Raises:
        OSError: there is no answer.
    """
    trust = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
    handlers: list[Any] = [urllib.request.HTTPSHandler(context=trust)]
    if urllib.parse.urlsplit(request.full_url).hostname in ("127.0.0.1", "localhost"):
        handlers.append(urllib.request.ProxyHandler({}))
    opener = urllib.request.build_opener(*handlers)
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return Answer(answer.status, _json(answer.read()))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _json(error.read()))


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    return content if isinstance(content, dict) else {"text": body[:200].decode(errors="replace")}


def bearer(token: str) -> Authorize:
    """Return what shows an access token."""
    return lambda request: request.add_header("Authorization", f"Bearer {token}")


def signed(session: Session) -> Authorize:
    """Return what signs a request with the session's credentials of AWS.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html
    """

    def sign(request: urllib.request.Request) -> None:
        credentials = session.get_credentials()
        if credentials is None:
            raise LookupError("there are no credentials of AWS to sign requests with")
        unsigned = AWSRequest(
            method=request.get_method(),
            url=request.full_url,
            data=request.data,
            headers=dict(request.header_items()),
        )
        SigV4Auth(credentials, "execute-api", session.region_name).add_auth(unsigned)
        for name, value in unsigned.headers.items():
            request.add_header(name, value)

    return sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A client of the HTTP API, for one caller."""

    url: str
    authorize: Authorize
    send: Send
    sleep: Callable[[float], object] = time.sleep

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = {},
    ) -> Answer:
        """Return the API's answer. A throttled or failed request is retried a few times."""
        request = urllib.request.Request(  # noqa: S310 -- the URL is the stack's output
            self.url.rstrip("/") + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **headers},
            method=method,
        )
        self.authorize(request)
        for _ in range(ATTEMPTS - 1):
            answer = self.send(request)
            if answer.status != 429 and answer.status < 500:
                return answer
            self.sleep(SECONDS_BETWEEN_ATTEMPTS)
        return self.send(request)


@dataclass(slots=True, kw_only=True)
class Users:
    """The user pool's operators' client, and its one customer for the smoke test."""

    cognito: Any
    outputs: Mapping[str, str]
    send: Send
    prefix: str = "smoke"
    """Begins the customer's user name."""
    name: str = ""
    """The customer's user name, while there is one."""

    def operator_token(self) -> str:
        """Return an access token of the operators' client.

        Raises:
            LookupError: the user pool returned none.
        """
        client = self.cognito.describe_user_pool_client(
            UserPoolId=self.outputs["UserPoolId"], ClientId=self.outputs["OperatorsClientId"]
        )["UserPoolClient"]
        basic = base64.b64encode(f"{client['ClientId']}:{client['ClientSecret']}".encode())
        request = urllib.request.Request(  # noqa: S310 -- the URL is the stack's output
            self.outputs["OperatorsTokenUrl"],
            data=b"grant_type=client_credentials",
            headers={
                "Authorization": f"Basic {basic.decode()}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        answer = self.send(request)
        if "access_token" not in answer.body:
            raise LookupError(f"the token endpoint answers {answer.status}")
        return str(answer.body["access_token"])

    def customer_token(self) -> str:
        """Create a customer, and return an access token."""
        self.name = f"{self.prefix}-{secrets.token_hex(8)}"
        user = {"UserPoolId": self.outputs["UserPoolId"], "Username": self.name}
        password = f"Aa1!{secrets.token_urlsafe(24)}"
        self.cognito.admin_create_user(**user, MessageAction="SUPPRESS")
        self.cognito.admin_set_user_password(**user, Password=password, Permanent=True)
        answer = self.cognito.initiate_auth(
            ClientId=self.outputs["UserPoolClientId"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": self.name, "PASSWORD": password},
        )
        return str(answer["AuthenticationResult"]["AccessToken"])

    def delete_customer(self) -> None:
        """Delete the customer, if there is one."""
        if self.name:
            user = {"UserPoolId": self.outputs["UserPoolId"], "Username": self.name}
            # One whose creation was refused is not there.
            with suppress(self.cognito.exceptions.UserNotFoundException):
                self.cognito.admin_delete_user(**user)
            self.name = ""
