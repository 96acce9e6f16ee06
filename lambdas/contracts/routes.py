"""The description of a route of the HTTP API. The API's documentation is made from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lambdas.contracts.problems import ProblemType

CUSTOMER, OPERATOR, ANYONE = "customer", "operator", "anyone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route, and the dataclasses of its requests and responses."""

    key: str
    """Its method and path, as API Gateway writes them: ``GET /products/{sku+}``."""
    summary: str
    caller: str = CUSTOMER
    """CUSTOMER or OPERATOR: whose access tokens open it; or ANYONE, without a token."""
    path: type | None = None
    query: type | None = None
    headers: type | None = None
    """The required headers; a field's name has underscores for the hyphens."""
    body: type | None = None
    responses: Mapping[int, type | None] = field(default_factory=dict)
    """The body by status: a dataclass for JSON, ``str`` for an HTML page, None for no body."""
    problems: tuple[ProblemType, ...] = ()
    """Why it refuses requests, apart from bad fields."""
    cached: bool = False
    """Whether the response has an ETag, and 304 answers If-None-Match."""
