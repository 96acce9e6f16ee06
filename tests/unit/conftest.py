"""The fixtures of the tests that still need the local AWS APIs."""

from tests.support.handlers import load_offline_handler
from tests.support.local_aws import dynamodb, endpoint, load_handler, make_table

__all__ = ["dynamodb", "endpoint", "load_handler", "load_offline_handler", "make_table"]
