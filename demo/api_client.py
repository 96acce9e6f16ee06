"""A client of the platform's HTTP API: it signs in as a customer or operator, and retries."""

import json
import random
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import urllib3

from emulator.cloud import Cloud

CURRENCY = "GBP"
"""The data set's prices are in pounds; an export has no currency."""
OPERATORS_SCOPE = "operators/write"
"""The scope that operators' routes require if they change something."""
THREADS = 4
ATTEMPTS = 8
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
MAX_TOKENS = 2_000
"""The most customers who are signed in at once: memory is bounded."""


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response of the API. Status 0 means that all attempts got no response."""

    status: int
    body: Mapping[str, Any]


class Tokens(Protocol):
    """Access tokens of the API's callers."""

    def token(self, caller: str, *, fresh: bool = False) -> str:
        """Return the caller's access token; a cached one unless it must be ``fresh``."""


class Operators:
    """The machine client of operators. Its token lets it change the catalogue and more."""

    def __init__(self, cloud: Cloud, outputs: Mapping[str, str]) -> None:
        """``outputs`` are the outputs of the deployed stacks."""
        self._client = outputs["OperatorsClientId"]
        found = cloud.client("cognito-idp").describe_user_pool_client(
            UserPoolId=outputs["UserPoolId"], ClientId=self._client
        )
        self.secret = str(found["UserPoolClient"]["ClientSecret"])
        self._cloud = cloud
        self._url = outputs["OperatorsTokenUrl"]
        self._token = ""

    def token(self, caller: str, *, fresh: bool = False) -> str:
        """Return the client's access token. It is the same for each ``caller``."""
        if fresh or not self._token:
            basic = urllib3.make_headers(basic_auth=f"{self._client}:{self.secret}")
            answer = http(self._cloud).request(
                "POST",
                self._url,
                fields={"grant_type": "client_credentials", "scope": OPERATORS_SCOPE},
                headers=basic,
                encode_multipart=False,
            )
            self._token = str(json.loads(answer.data)["access_token"])
        return self._token


class Customers:
    """The customers as users of the platform's user pool, with their access tokens."""

    def __init__(self, cognito: Any, *, pool: str, client: str) -> None:
        """``cognito`` is boto3's client of cognito-idp."""
        self._cognito = cognito
        self._pool = pool
        self._client = client
        # One password for all users. It never leaves this process.
        self.password = f"Aa1!{secrets.token_urlsafe(24)}"
        self._tokens: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def sign_up(self, customer: str) -> None:
        """Create a customer's user. Names that differ only in case are one user."""
        user = {"UserPoolId": self._pool, "Username": customer}
        with self._lock:
            # botocore makes the classes at the first access: two threads would make two of each.
            exists = self._cognito.exceptions.UsernameExistsException
        with suppress(exists):
            self._cognito.admin_create_user(**user, MessageAction="SUPPRESS")
        self._cognito.admin_set_user_password(**user, Password=self.password, Permanent=True)

    def token(self, customer: str, *, fresh: bool = False) -> str:
        """Return a customer's access token: a cached one, unless it must be ``fresh``."""
        with self._lock:
            if not fresh and customer in self._tokens:
                self._tokens.move_to_end(customer)
                return self._tokens[customer]
        answer = self._cognito.initiate_auth(
            ClientId=self._client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": customer, "PASSWORD": self.password},
        )
        token: str = answer["AuthenticationResult"]["AccessToken"]
        with self._lock:
            self._tokens[customer] = token
            self._tokens.move_to_end(customer)
            if len(self._tokens) > MAX_TOKENS:
                self._tokens.popitem(last=False)
        return token


def create_customers(cloud: Cloud, outputs: Mapping[str, str], *admitted: str) -> Customers:
    """Return the customers of a deployed platform; create users for those in ``admitted``.

    ``outputs`` are the outputs of its stacks.
    """
    customers = Customers(
        cloud.client("cognito-idp"),
        pool=outputs["UserPoolId"],
        client=outputs["UserPoolClientId"],
    )
    for customer in admitted:
        customers.sign_up(customer)
    return customers


class ApiClient:
    """A client of the platform's HTTP API that retries.

    A transient failure (429, 5xx, a broken connection) is retried with backoff, full jitter and the
    same Idempotency-Key: however often it is sent, it is one order.
    """

    def __init__(
        self,
        url: str,
        callers: Tokens,
        *,
        http: Any,
        sleep: Callable[[float], object],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """``http`` is urllib3's pool manager; ``jitter`` returns a random number from 0 to 1."""
        self._url = url.rstrip("/")
        self._callers = callers
        self._http = http
        self._sleep = sleep
        self._draw = jitter

    def place(
        self, *, customer: str, key: str, country: str, lines: Iterable[Mapping[str, Any]]
    ) -> ApiResponse:
        """Place an order under an idempotency key."""
        order = {"currency": CURRENCY, "country": country, "lines": list(lines)}
        return self._ask(
            "POST",
            "/orders",
            customer,
            body=json.dumps(order),
            headers={"Content-Type": "application/json", "Idempotency-Key": key},
        )

    def order(self, order_id: str, *, customer: str) -> ApiResponse:
        """Get an order, as its customer sees it."""
        return self._ask("GET", f"/orders/{order_id}", customer, headers={})

    def put_product(
        self, sku: str, *, name: str, offers: Iterable[Mapping[str, Any]]
    ) -> ApiResponse:
        """Put a product into the catalogue, as an operator."""
        product = json.dumps({"name": name, "offers": list(offers)})
        headers = {"Content-Type": "application/json"}
        path = f"/products/{quote(sku, safe='')}"
        return self._ask("PUT", path, "operator", body=product, headers=headers)

    def put_contact(self, *, customer: str, email: str, name: str) -> ApiResponse:
        """Set a customer's address and name. The address is used once it is confirmed."""
        contact = json.dumps({"email": email, "name": name})
        headers = {"Content-Type": "application/json"}
        return self._ask("PUT", "/contact", customer, body=contact, headers=headers)

    def cancel(self, order_id: str, *, customer: str) -> ApiResponse:
        """Cancel an order."""
        return self._ask("DELETE", f"/orders/{order_id}", customer, headers={})

    def _ask(
        self, method: str, path: str, customer: str, *, headers: dict[str, str], body: str = ""
    ) -> ApiResponse:
        fresh = False
        answer = ApiResponse(0, {})
        for attempt in range(ATTEMPTS):
            if attempt and not fresh:
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)
                self._sleep(pause * self._draw())
            token = self._callers.token(customer, fresh=fresh)
            answer = self._send(method, path, body, {**headers, "Authorization": f"Bearer {token}"})
            if answer.status == 401 and not fresh:
                fresh = True
            elif answer.status in (0, 429) or answer.status >= 500:
                fresh = False
            else:
                break
        return answer

    def _send(self, method: str, path: str, body: str, headers: dict[str, str]) -> ApiResponse:
        try:
            response = self._http.request(
                method, self._url + path, body=body or None, headers=headers, retries=False
            )
        except urllib3.exceptions.HTTPError as error:
            return ApiResponse(0, {"message": f"no answer: {type(error).__name__}"})
        try:
            content = json.loads(response.data)
        except ValueError:
            content = {"message": response.data[:200].decode(errors="replace")}
        return ApiResponse(response.status, content)


def http(cloud: Cloud) -> urllib3.PoolManager:
    """Return a pool of kept-alive connections to the local cloud, one for each thread."""
    return urllib3.PoolManager(
        maxsize=THREADS,
        block=True,
        ca_certs=str(cloud.certificate),
        timeout=urllib3.Timeout(connect=5, read=30),
    )
