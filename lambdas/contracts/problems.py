"""The bodies of HTTP responses that refuse a request: problem details.

https://www.rfc-editor.org/rfc/rfc9457
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldProblem:
    """What is wrong with one field of a request: of its body, path, query or headers."""

    field: str
    """The field, with its place: ``lines[2].sku``."""
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The body of a response of media type ``application/problem+json``."""

    type: str
    """The type of problem, as a URI. Clients compare it."""
    title: str
    """The type of problem, in words for people."""
    status: int
    """The status code of the response."""
    detail: str
    """What is wrong with this request, for people."""
    errors: tuple[FieldProblem, ...] = ()
    """Every bad field; empty if the request as such is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemType:
    """A type of problem: its status, title and body. Clients distinguish types by their ``uri``."""

    status: int
    """The status code of the response."""
    name: str
    title: str
    """The type in words for people; the same in every response."""
    body: type[Problem] = Problem
    """The class of the response's body; a subclass if its ``errors`` have more fields."""

    @property
    def uri(self) -> str:
        """The identifier of the type, as problem details have it in ``type``."""
        return f"urn:problem-type:orders:{self.name}"


INVALID_REQUEST = ProblemType(
    status=400, name="invalid-request", title="The request has bad fields"
)
NOT_FOUND = ProblemType(status=404, name="not-found", title="There is no such thing")
BODY_TOO_LARGE = ProblemType(
    status=413, name="body-too-large", title="The request's body is too large"
)
UNREADABLE = ProblemType(
    status=503,
    name="unreadable",
    title="A record cannot be read until an operator has mended it",
)


class ProblemError(Exception):
    """A request is refused. The response is made from this exception."""

    def __init__(
        self,
        kind: ProblemType,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        retry_after: int | None = None,
    ) -> None:
        """``kind`` is the type, ``detail`` a text for the client, ``retry_after`` is in seconds."""
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after = retry_after

    def problem(self) -> Problem:
        """Return the body of the response."""
        return self.kind.body(
            type=self.kind.uri,
            title=self.kind.title,
            status=self.kind.status,
            detail=self.detail,
            errors=self.errors,
        )


class InvalidRequestError(ProblemError):
    """A request has bad fields; ``errors`` names each of them."""

    def __init__(self, errors: Sequence[FieldProblem]) -> None:
        detail = "; ".join(f"{each.field} {each.problem}" for each in errors[:3])
        if len(errors) > 3:
            detail += f"; and {len(errors) - 3} more"
        super().__init__(INVALID_REQUEST, detail, errors=errors)
