"""The clients of functions in a test's process, which outlive the test that made them."""

import boto3
import pytest

from lambdas.runtime import aws


def forget_clients() -> None:
    """Let the next clients be new ones, with the credentials of the environment of then."""
    aws.client.cache_clear()
    if hasattr(aws._session, "cache_clear"):
        aws._session.cache_clear()


def sign_as(session: boto3.session.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the functions' code use the credentials of ``session``."""
    aws.client.cache_clear()
    monkeypatch.setattr(aws, "_session", lambda: session._session)
