"""boto3 clients for functions: short time-outs, a few quick retries, one shared session."""

from functools import cache, partial
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import Loader

# A call that hangs must fail while the function still has time to log it: the shortest function
# time-out is 6 s, and DynamoDB answers in single-digit milliseconds.
CONFIG = Config(
    connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}
)


# For a request that botocore must not repeat, because the outcome of the first may be unknown. Only
# a person can find it out, so the read time-out is as long as the functions' 29 s allow.
SINGLE_ATTEMPT = CONFIG.merge(
    Config(read_timeout=25, retries={"mode": "standard", "total_max_attempts": 1})
)


DATA = Path(__file__).parent / "botocore_data"
"""The part of botocore's endpoint data that is needed; ``tools.endpoint_data`` writes it."""


@cache
def client(service: str, config: Config = CONFIG) -> Any:
    """Return the client of ``service``; it is made once per execution environment."""
    return make_client(service, config)


def make_client(service: str, config: Config) -> Any:
    """Return a new client; see ``client``."""
    made = _session().create_client(service, config=config)
    made.meta.events.register("after-call", partial(_name_server_error, made.exceptions))
    return made


class ServiceUnavailableError(ClientError):
    """AWS answered with a 5xx for which botocore has no class. A saga knows errors by their names.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
    """


def _name_server_error(
    exceptions: Any, *, http_response: Any, parsed: Any, model: Any, **_: Any
) -> None:
    """Raise ServiceUnavailableError for such a response, in place of botocore's ClientError."""
    code = parsed.get("Error", {}).get("Code")
    if http_response.status_code >= 500 and exceptions.from_code(code) is ClientError:
        raise ServiceUnavailableError(parsed, model.name)


class _ModelLoader(Loader):
    """Loads the models of services, and nothing that clients do not need.

    botocore's own loader reads a megabyte of endpoint data, and looks for files of three kinds in
    the folders of AWS's four hundred services. Both together take 35 ms on a fast machine.
    """

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the names of all services that botocore has, whatever ``type_name`` is."""
        return [folder.name for folder in Path(self.BUILTIN_DATA_PATH).iterdir()]


@cache
def _session() -> botocore.session.Session:
    """Return a session like boto3's, without the parts that only boto3's resources need."""
    session = botocore.session.get_session()
    session.register_component("data_loader", _ModelLoader(extra_search_paths=[str(DATA)]))
    return session
