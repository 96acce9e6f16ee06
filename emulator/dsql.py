"""The data plane of Aurora DSQL: for each cluster a PostgreSQL behind DSQL's endpoint.

MiniStack 1.5.33 has the control plane and, in `core/pgproxy.py`, DSQL's dialect of PostgreSQL: the
statements that it refuses, `CREATE INDEX ASYNC`, its errors. But it needs Docker for the database,
accepts every user with any password as a superuser, has no TLS and no `AWS IAM GRANT`. This module
adds what AWS documents:

- a client authenticates with a token that an IAM identity signed for this endpoint, whose
  policies allow `dsql:DbConnect` (for `admin`: `dsql:DbConnectAdmin`) on the cluster
  https://docs.aws.amazon.com/aurora-dsql/latest/userguide/authentication-authorization.html
- an IAM identity may connect as a database role that was granted to it; the role has its own
  privileges
  https://docs.aws.amazon.com/aurora-dsql/latest/userguide/using-database-and-iam-roles.html
- connections are encrypted
  https://docs.aws.amazon.com/aurora-dsql/latest/userguide/configure-root-certificates.html

The grants are kept in memory. Of the view `sys.iam_pg_role_mappings`, plain SELECTs of the columns
`pg_role_name` and `arn` are answered.
"""

import asyncio
import logging
import re
import socket
import ssl
import struct
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ministack.core import iam_evaluator, pgproxy, responses
from ministack.services import dsql

from emulator import postgres
from emulator.faults.chance import FAULTS, Kind

logger = logging.getLogger("emulator.dsql")

ADMIN = "admin"
# `admin` owns the database without being its superuser, as on DSQL.
_SETUP = """\
CREATE ROLE admin LOGIN CREATEROLE
ALTER DATABASE postgres OWNER TO admin
ALTER SCHEMA public OWNER TO admin
"""
_SETTINGS = {**pgproxy.DSQL_SETTINGS, "default_transaction_isolation": "repeatable read"}
_IAM_STATEMENT = re.compile(
    r"""AWS\s+IAM\s+(?P<verb>GRANT|REVOKE)\s+(?P<role>"[^"]+"|\w+)\s+(?:TO|FROM)\s+
        '(?P<arn>[^']+)'\s*;?\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_IAM_MAPPINGS = re.compile(
    r"""SELECT\s+(?P<columns>(?:(?:pg_role_name|arn)[\s,]+)+)FROM\s+sys\.iam_pg_role_mappings\s*;?\s*""",
    re.IGNORECASE,
)


@dataclass(slots=True, kw_only=True)
class _Endpoint:
    """The endpoint of one cluster, with its database."""

    cluster: dict[str, Any]
    region: str
    database: postgres.Postgres
    server: asyncio.Server | None = None
    grants: dict[str, set[str]] = field(default_factory=dict)
    """Database role → ARNs of the IAM roles that may connect as it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """An authorized connection of a client."""

    endpoint: _Endpoint
    role: str
    backend: tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True)
class _Replayed:
    """A stream that returns bytes which were read before, then the rest of ``reader``."""

    first: bytes
    reader: asyncio.StreamReader
    may_break: bool = False

    async def readexactly(self, count: int) -> bytes:
        if self.may_break and FAULTS.choose("database", (Kind.CUT,)):
            raise ConnectionResetError("injected fault")
        taken, self.first = self.first[:count], self.first[count:]
        return taken + await self.reader.readexactly(count - len(taken))


class _Refused(Exception):
    """A connection is not authorized; the message is for the client."""


_endpoints: dict[str, _Endpoint] = {}
_session: ContextVar[_Session] = ContextVar("session")


def install(directory: Path, tls: ssl.SSLContext) -> None:
    """Make MiniStack create a database and an encrypted endpoint with each DSQL cluster."""

    async def start_backend(identifier: str, cluster: dict[str, Any]) -> None:
        try:
            await _open(identifier, cluster, directory / f"dsql-{identifier[:6]}", tls)
            cluster["status"] = "ACTIVE"
        except Exception as error:
            logger.exception("the database of DSQL cluster %s did not start", identifier)
            cluster["status"], cluster["startFailure"] = "FAILED", str(error)[:500]

    async def teardown_backend(identifier: str) -> None:
        _close(identifier)

    plan_statement = pgproxy._plan_statement

    async def plan(conn: Any, statement: str, *rest: Any, **options: Any) -> Any:
        if shown := _IAM_MAPPINGS.fullmatch(statement):
            return _show_grants(shown)
        matched = _IAM_STATEMENT.fullmatch(statement)
        return (
            _plan_grant(matched)
            if matched
            else await plan_statement(conn, statement, *rest, **options)
        )

    dsql._backends_enabled = lambda: True
    dsql._next_port = _free_port
    dsql._start_backend = start_backend
    dsql._teardown_backend = teardown_backend
    dsql._remove_container = _close
    pgproxy._connect_backend_once = _backend
    pgproxy._plan_statement = plan


def close_all() -> None:
    """Stop every database."""
    for identifier in list(_endpoints):
        _close(identifier)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _open(
    identifier: str, cluster: dict[str, Any], directory: Path, tls: ssl.SSLContext
) -> None:
    database = await asyncio.to_thread(postgres.start, directory, settings=_SETTINGS, setup=_SETUP)
    region = cluster["arn"].split(":")[3]
    endpoint = _endpoints[identifier] = _Endpoint(cluster=cluster, region=region, database=database)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _serve(endpoint, reader, writer, tls)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError) as error:
            logger.info("a client of DSQL cluster %s went away: %s", identifier, error)
        finally:
            writer.close()

    endpoint.server = await asyncio.start_server(connected, "127.0.0.1", cluster["port"])


def _close(identifier: str) -> None:
    endpoint = _endpoints.pop(identifier, None)
    if endpoint is None:
        return
    if endpoint.server is not None:
        endpoint.server.get_loop().call_soon_threadsafe(endpoint.server.close)
    endpoint.database.stop()


async def _serve(
    endpoint: _Endpoint,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    tls: ssl.SSLContext,
) -> None:
    code, payload = await pgproxy._read_startup(reader)
    if code == pgproxy._GSSENC_REQUEST:
        writer.write(b"N")
        code, payload = await pgproxy._read_startup(reader)
    if code != pgproxy._SSL_REQUEST:
        return _refuse(writer, "unable to accept connection, SSL is required")
    writer.write(b"S")
    await writer.drain()
    await writer.start_tls(tls)
    code, payload = await pgproxy._read_startup(reader)
    parameters = pgproxy._parse_startup_params(payload)
    role = parameters.get("user", "")
    writer.write(pgproxy._frame(b"R", struct.pack("!I", 3)))  # the password, in clear text
    await writer.drain()
    _, password = await pgproxy._read_frame(reader)
    try:
        _authorize(endpoint, role, password.rstrip(b"\0").decode())
        backend = await _connect(endpoint, role, parameters.get("database", "postgres"))
    except _Refused as refusal:
        logger.warning("DSQL refused %r: %s", role, refusal)
        return _refuse(writer, f"unable to accept connection, access denied: {refusal}")
    _session.set(_Session(endpoint=endpoint, role=role, backend=backend))
    startup = struct.pack("!II", len(payload) + 8, code) + payload
    await pgproxy._handle_client(
        endpoint.cluster["identifier"], "", 0, _Replayed(startup, reader, role != ADMIN), writer
    )


def _refuse(writer: asyncio.StreamWriter, message: str) -> None:
    error = pgproxy._error_response("28000", message)
    writer.write(error.replace(b"SERROR\0VERROR", b"SFATAL\0VFATAL", 1))


def _authorize(endpoint: _Endpoint, role: str, token: str) -> None:
    """Authorize a connection as AWS does: by the token, the IAM policies and the role's grants."""
    action = "DbConnectAdmin" if role == ADMIN else "DbConnect"
    parts = urlsplit(f"//{token}")
    query = parse_qs(parts.query)
    if query.get("Action") != [action]:
        raise _Refused(f"the password of {role} has to be a token for the action {action}")
    if parts.hostname != "localhost" or parts.port not in (None, endpoint.cluster["port"]):
        raise _Refused(f"the token is for {parts.netloc}, another endpoint")
    arn = endpoint.cluster["arn"]
    access_key = query.get("X-Amz-Credential", [""])[0].split("/")[0]
    account = arn.split(":")[4]
    responses.set_request_account_id(account)
    responses.set_request_region(endpoint.region)
    host = [(b"host", parts.netloc.encode())]
    iam_evaluator.pin_signed_request("GET", "/", query, host)
    denied = iam_evaluator.enforce(
        access_key, f"dsql:{action}", "dsql", endpoint.region, resource_arn=arn
    )
    if isinstance(denied, iam_evaluator.AuthError):
        raise _Refused(denied.message)
    if denied:
        raise _Refused(f"{denied.principal_arn} is not allowed dsql:{action} on {arn}")
    principal = iam_evaluator.resolve_principal(access_key, account)
    # MiniStack's root user is the developer, who needs no grant of a role.
    is_root = principal.policies is None
    if role != ADMIN and not is_root and not _granted(endpoint, role, principal.arn):
        raise _Refused(f"AWS IAM GRANT {role} to the role of {principal.arn} is missing")


def _granted(endpoint: _Endpoint, role: str, principal: str) -> bool:
    """Return whether the database role was granted to this identity, or to its session's role."""
    granted = endpoint.grants.get(role, set())
    _, _, session = principal.partition(":assumed-role/")
    names = {arn.rpartition("/")[2] for arn in granted if ":role/" in arn}
    return principal in granted or session.partition("/")[0] in names


def _plan_grant(statement: re.Match[str]) -> tuple[str, Any]:
    """Execute `AWS IAM GRANT role TO 'arn'` or `AWS IAM REVOKE role FROM 'arn'`."""
    session = _session.get()
    if session.role != ADMIN:
        return "error", pgproxy.DsqlError("42501", "permission denied to manage IAM grants")
    role, _ = pgproxy.fold_identifier(statement["role"])
    granted = session.endpoint.grants.setdefault(role, set())
    verb = statement["verb"].upper()
    if verb == "GRANT":
        granted.add(statement["arn"])
    else:
        granted.discard(statement["arn"])
    return "rows", {"cols": [], "rows": [], "tag": f"AWS IAM {verb}"}


def _show_grants(query: re.Match[str]) -> tuple[str, Any]:
    """Answer a SELECT from `sys.iam_pg_role_mappings`."""
    columns = re.findall(r"\w+", query["columns"].lower())
    rows = [
        [{"pg_role_name": role, "arn": arn}[column] for column in columns]
        for role, arns in _session.get().endpoint.grants.items()
        for arn in sorted(arns)
    ]
    return "rows", {"cols": columns, "rows": rows, "tag": f"SELECT {len(rows)}"}


async def _connect(
    endpoint: _Endpoint, role: str, database: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the database as the role, so that the role's privileges hold."""
    path = await asyncio.to_thread(endpoint.database.running)
    reader, writer = await asyncio.open_unix_connection(path)
    names = f"user\0{role}\0database\0{database}\0\0".encode()
    writer.write(struct.pack("!II", len(names) + 8, pgproxy._PROTOCOL_3) + names)
    kind = b""
    while kind != b"Z":
        kind, body = await pgproxy._read_frame(reader)
        if kind == b"E":
            writer.close()
            raise _Refused(pgproxy._error_payload_fields(body)[1])
    return reader, writer


async def _backend(*_: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return the session's connection to the database, in place of pgproxy's own."""
    return _session.get().backend
