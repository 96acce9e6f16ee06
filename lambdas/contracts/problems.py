"""What our functions answer when they refuse a request: problem details.

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
    """The kind of problem, by which a client decides."""
    title: str
    """The kind of problem, for people."""
    status: int
    """The status code of the response."""
    detail: str
    """What is wrong with this request, for people."""
    errors: tuple[FieldProblem, ...] = ()
    """Every bad field; empty if the request as such is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemType:
    """A kind of refusal; clients decide by its ``uri``."""

    status: int
    """The status code of the response."""
    name: str
    title: str
    """What it is, for people; the same for every occurrence."""
    body: type[Problem] = Problem
    """What the response says; a kind whose ``errors`` say more has a body of its own."""

    @property
    def uri(self) -> str:
        """The identifier of the kind."""
        return f"urn:problem-type:orders:{self.name}"


INVALID_REQUEST = ProblemType(
    status=400, name="invalid-request", title="The request has bad fields"
)
NOT_FOUND = ProblemType(status=404, name="not-found", title="There is no such thing")
BODY_TOO_LARGE = ProblemType(
    status=413, name="body-too-large", title="The request's body is too large"
)


class ProblemError(Exception):
    """The request is refused."""

    def __init__(
        self,
        kind: ProblemType,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        retry_after: int | None = None,
    ) -> None:
        """``retry_after`` is in seconds."""
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after = retry_after

    def problem(self) -> Problem:
        """Return what the response says."""
        return self.kind.body(
            type=self.kind.uri,
            title=self.kind.title,
            status=self.kind.status,
            detail=self.detail,
            errors=self.errors,
        )


class InvalidRequestError(ProblemError):
    """Fields of the request are bad; ``errors`` names each of them."""

    def __init__(self, errors: Sequence[FieldProblem]) -> None:
        detail = "; ".join(f"{each.field} {each.problem}" for each in errors[:3])
        if len(errors) > 3:
            detail += f"; and {len(errors) - 3} more"
        super().__init__(INVALID_REQUEST, detail, errors=errors)
