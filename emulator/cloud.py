"""Start the local cloud, create clients for it, and stop it."""

import base64
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

from emulator import certificate
from emulator.directory_check import why_unusable

USED_PERMISSIONS_FILE = "used_permissions.jsonl"
"""The file in a cloud's directory that lists every permission that was used."""
ACCESS_KEY_VARIABLE = "EMULATOR_ACCESS_KEY"
"""The environment variable from which the server takes the root user's access key."""
REGION = "eu-west-1"
ACCOUNT = "000000000000"
MAX_DIRECTORY = 40
"""The longest path of a temporary directory, in characters: sockets' paths must fit."""
_ROOT = Path(__file__).resolve().parent.parent
_CREATION = threading.Lock()
"""Sessions are not thread-safe; clients are."""
_ONCE = Config(inject_host_prefix=False, max_pool_connections=50, retries={"total_max_attempts": 1})
_START_SECONDS = 30
_STOP_SECONDS = 3


def new_access_key() -> str:
    """Return a random access key. It is secret: it serves as its own secret access key, too."""
    return "AKIA" + base64.b32encode(secrets.token_bytes(20)).decode()


class UsedPermission(NamedTuple):
    """A permission that a role used, or a service on behalf of the resource ``source``."""

    principal: str
    action: str
    resource: str
    source: str


class CloudError(Exception):
    """The local cloud cannot do what was requested. The message is for the user of the command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A running local cloud."""

    endpoint: str
    region: str = REGION
    account: str = ACCOUNT
    certificate: Path
    """The certificate that clients have to trust."""
    directory: Path
    """Where the cloud writes everything; it is removed when the cloud ends."""
    access_key: str = field(default_factory=new_access_key, repr=False)
    """The root user's key, of this run only. It allows to run code as this user."""
    _session: boto3.session.Session = field(init=False, repr=False, compare=False)
    _clients: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        session = boto3.session.Session(self.access_key, self.access_key, region_name=self.region)
        object.__setattr__(self, "_session", session)

    @property
    def log(self) -> Path:
        """The path of the server's log file."""
        return self.directory / "server.log"

    def used_permissions(self) -> set[UsedPermission]:
        """Return every permission that was used so far, except by the account's root user."""
        with suppress(FileNotFoundError), (self.directory / USED_PERMISSIONS_FILE).open() as record:
            return {UsedPermission(*json.loads(line)) for line in record}
        return set()

    def environment(self) -> dict[str, str]:
        """Return the environment variables that boto3, the AWS CLI and the CDK CLI need."""
        trusted = str(self.certificate)
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.access_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_CA_BUNDLE": trusted,
            "AWS_EC2_METADATA_DISABLED": "true",
            # Without this, boto3 calls Step Functions and others at sync-<host>.
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            "NODE_EXTRA_CA_CERTS": trusted,
            "NO_PROXY": "127.0.0.1,localhost",
            "CDK_DEFAULT_ACCOUNT": self.account,
            "CDK_DEFAULT_REGION": self.region,
        }

    def client(self, service: str) -> Any:
        """Return the boto3 client of the account's root user for a service, always the same one.

        It ignores the environment's AWS settings, and may be used by several threads.
        """
        with _CREATION:
            if service not in self._clients:
                self._clients[service] = self._session.client(  # type: ignore[call-overload]
                    service,
                    endpoint_url=self.endpoint,
                    verify=str(self.certificate),
                    config=_ONCE,
                )
            return self._clients[service]


@dataclass(frozen=True, slots=True)
class RootSession:
    """A session of the account's root user: the part of boto3's session that creates clients."""

    cloud: Cloud
    region_name: str = REGION

    def client(self, service: str, **_: Any) -> Any:
        """Return a client of the local cloud. Other arguments of boto3's method are ignored."""
        return self.cloud.client(service)


@contextmanager
def running(*, port: int | None = None, account_concurrency: int = 1_000) -> Iterator[Cloud]:
    """Run a local cloud on the loopback interface for as long as the context lasts.

    No process and no file is left when the context ends. If this process is killed, the server's
    standard input closes, and the server ends itself.

    More concurrent functions than ``account_concurrency`` are throttled: a new account has 10.
    """
    directory = Path(tempfile.mkdtemp(prefix="orders-", dir=_short_temporary_directory()))
    # Where the developer is root, PostgreSQL runs as another user and has to pass through.
    directory.chmod(0o711 if os.geteuid() == 0 else 0o700)
    try:
        if why := why_unusable(directory):
            raise CloudError(why)
        with _listen(port) as listener:
            certificate_path, key_path = certificate.write(directory)
            cloud = Cloud(
                endpoint=f"https://127.0.0.1:{listener.getsockname()[1]}",
                certificate=certificate_path,
                directory=directory,
            )
            server = _start(cloud, listener, key_path, account_concurrency)
        try:
            _await_health(cloud, server)
            yield cloud
        finally:
            _stop(server)
    finally:
        _remove(directory)


def _remove(directory: Path) -> None:
    # A killed process may take a moment to end, and write files in the directory until then.
    deadline = time.monotonic() + 10
    while directory.exists():
        try:
            shutil.rmtree(directory)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _short_temporary_directory() -> str:
    # The path of a Unix socket has at most some 100 characters. macOS's default uses 50 of them.
    shortest = "/tmp"  # noqa: S108 - the name below it is random
    wanted = os.environ.get("TMPDIR") and len(tempfile.gettempdir()) <= MAX_DIRECTORY
    return tempfile.gettempdir() if wanted or not os.access(shortest, os.W_OK) else shortest


def _listen(port: int | None) -> socket.socket:
    # Bound here and passed on, so that no other process can take the port in between.
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port or 0))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise CloudError(
            f"Port {port} of 127.0.0.1 cannot be used ({error.strerror}): "
            "end what listens there, or start the local cloud on another port."
        ) from error
    return listener


def _start(cloud: Cloud, listener: socket.socket, key: Path, most: int) -> subprocess.Popen[bytes]:
    scratch = cloud.directory / "tmp"
    scratch.mkdir(mode=0o700)
    trusted = str(cloud.certificate)
    # The developer's own AWS settings must reach neither the emulator nor the functions.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    settings = {
        "AUTH": "true",
        "USE_SSL": "1",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": cloud.endpoint.rpartition(":")[2],
        "MINISTACK_SSL_CERT": trusted,
        "MINISTACK_SSL_KEY": str(key),
        "MINISTACK_REGION": cloud.region,
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        # How many processes there are is decided by `patches.throughput`.
        "LAMBDA_ACCOUNT_CONCURRENCY": str(most),
        "IOT_MTLS_ENABLED": "0",
        # A developer's Docker is not ours to search for containers.
        "DOCKER_HOST": "unix:///nonexistent",
        "STATE_DIR": str(cloud.directory / "state"),
        "S3_DATA_DIR": str(cloud.directory / "s3"),
        "TMPDIR": str(scratch),
        "SSL_CERT_FILE": trusted,
        "AWS_CA_BUNDLE": trusted,
        "NODE_EXTRA_CA_CERTS": trusted,
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "NO_PROXY": "127.0.0.1,localhost",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Taken out by the server before it starts others.
        ACCESS_KEY_VARIABLE: cloud.access_key,
    }
    with open(cloud.log, "wb", opener=_private) as log:
        return subprocess.Popen(
            [sys.executable, "-m", "emulator.server", str(listener.fileno()), str(cloud.directory)],
            cwd=_ROOT,
            env=inherited | settings,
            umask=0o077,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
            # Ctrl-C goes to the whole foreground group; we end the server when we are done.
            start_new_session=True,
        )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _await_health(cloud: Cloud, server: subprocess.Popen[bytes]) -> None:
    # The listener already queues connections: with the first answer, the server is ready.
    trust = ssl.create_default_context(cafile=str(cloud.certificate))
    health = f"{cloud.endpoint}/_ministack/health"
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )
    try:
        opener.open(health, timeout=_START_SECONDS).close()
    except OSError as error:
        last = cloud.log.read_text(errors="replace").strip().splitlines()[-8:]
        raise CloudError(
            "The local cloud did not start; its log ends with:\n" + "\n".join(last)
        ) from error


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
    finally:
        # Functions run in the server's process group and may outlive a stuck server.
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.communicate()
