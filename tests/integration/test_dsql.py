"""A cluster of Aurora DSQL: who may connect, and what a transaction finds."""

import json
import os
import signal
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import pg8000.dbapi
import pytest
from botocore.exceptions import ClientError

from emulator import postgres
from emulator.cloud import Cloud
from tests.support.small_stacks import IAM, client, get, ref, role
from tests.support.waiting import TIMEOUT_SECONDS, wait_until


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster and three IAM roles: administrator, application, and one without a grant."""

    cloud: Cloud
    outputs: Mapping[str, str]

    def connect(self, user: str, role: str | None, *, port: int | None = None) -> Any:
        """Connect as a function with this role would; without a role, as the root user."""
        key = self.cloud.access_key
        keys: dict[str, str] = {"AccessKeyId": key, "SecretAccessKey": key}
        if role:
            arn = self.outputs[role]
            assumed = client(self.cloud, "sts").assume_role(RoleArn=arn, RoleSessionName="probe")
            keys = assumed["Credentials"]
        tokens = boto3.client(
            "dsql",
            region_name=self.cloud.region,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
        )
        endpoint = self.outputs["Endpoint"]
        generate = (
            tokens.generate_db_connect_admin_auth_token
            if user == "admin"
            else tokens.generate_db_connect_auth_token
        )
        host, _, listening = endpoint.partition(":")
        named = f"{host}:{port or listening}"
        connection = pg8000.dbapi.connect(
            user=user,
            password=generate(Hostname=named, Region=self.cloud.region),
            host=host,
            port=int(listening),
            database="postgres",
            ssl_context=ssl.create_default_context(cafile=str(self.cloud.certificate)),
        )
        connection.autocommit = True
        return connection

    def sql(self, connection: Any, *statements: str) -> Any:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None


@pytest.fixture(scope="module")
def cluster(cloud: Cloud) -> Cluster:
    """One cluster for all the tests of it, with a schema that only `app` may read."""
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    roles: dict[str, Any] = {}
    for name, action in (
        ("Administrator", "DbConnectAdmin"),
        ("Application", "DbConnect"),
        ("Ungranted", "DbConnect"),
    ):
        roles[name] = role(f"dsql:{action}")
        roles[name]["Properties"]["AssumeRolePolicyDocument"]["Statement"] = [trust]
    resources = {
        **roles,
        "Cluster": {
            "Type": "AWS::DSQL::Cluster",
            "Properties": {"DeletionProtectionEnabled": True},
        },
    }
    outputs: dict[str, Any] = {name: get(name) for name in roles}
    outputs |= {
        "Identifier": ref("Cluster"),
        "ResourceArn": get("Cluster", "ResourceArn"),
        "Endpoint": get("Cluster", "Endpoint"),
        "Status": get("Cluster", "Status"),
    }
    stacks = client(cloud, "cloudformation")
    body = {
        "Resources": resources,
        "Outputs": {key: {"Value": value} for key, value in outputs.items()},
    }
    stacks.create_stack(StackName="Ledger", TemplateBody=json.dumps(body), Capabilities=IAM)

    def described() -> dict[str, Any]:
        return dict(stacks.describe_stacks(StackName="Ledger")["Stacks"][0])

    wait_until(
        "the stack is still in progress",
        lambda: described()["StackStatus"] != "CREATE_IN_PROGRESS",
        seconds=TIMEOUT_SECONDS,
    )
    stack = described()
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    cluster = Cluster(cloud, {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]})
    cluster.sql(
        cluster.connect("admin", "Administrator"),
        "CREATE SCHEMA ledger",
        "CREATE TABLE ledger.entries (id int PRIMARY KEY, amount int)",
        "INSERT INTO ledger.entries VALUES (1, 100)",
        "CREATE ROLE app WITH LOGIN",
        "GRANT USAGE ON SCHEMA ledger TO app",
        "GRANT SELECT, UPDATE ON ledger.entries TO app",
        f"AWS IAM GRANT app TO '{cluster.outputs['Application']}'",
    )
    return cluster


def test_cluster_is_created_by_cloudformation(cluster: Cluster) -> None:
    found = client(cluster.cloud, "dsql").get_cluster(identifier=cluster.outputs["Identifier"])
    assert found["arn"] == cluster.outputs["ResourceArn"]
    assert cluster.outputs["Endpoint"].startswith("localhost:")
    assert cluster.outputs["Status"] == "ACTIVE"


def test_deletion_protection_holds_the_clusters_stack(cluster: Cluster) -> None:
    assert found_protection(cluster)
    with pytest.raises(ClientError, match="deletion protection"):
        client(cluster.cloud, "dsql").delete_cluster(identifier=cluster.outputs["Identifier"])


def found_protection(cluster: Cluster) -> bool:
    dsql = client(cluster.cloud, "dsql")
    found = dsql.get_cluster(identifier=cluster.outputs["Identifier"])
    return bool(found["deletionProtectionEnabled"])


def test_role_connects_with_its_privileges_and_no_more(cluster: Cluster) -> None:
    app = cluster.connect("app", "Application")
    assert cluster.sql(app, "SELECT current_user, amount FROM ledger.entries") == (["app", 100],)
    with pytest.raises(pg8000.dbapi.Error, match="permission denied for table entries"):
        cluster.sql(app, "INSERT INTO ledger.entries VALUES (2, 1)")
    with pytest.raises(pg8000.dbapi.Error, match="permission denied"):
        cluster.sql(app, f"AWS IAM GRANT app TO '{cluster.outputs['Ungranted']}'")
    with pytest.raises(pg8000.dbapi.Error, match="permission denied"):
        cluster.sql(app, "SET ROLE admin")


@pytest.mark.parametrize(
    ("user", "role", "reason"),
    [
        ("app", "Ungranted", "AWS IAM GRANT app to the role of"),
        ("app", "Administrator", "is not allowed dsql:DbConnect on"),
        ("admin", "Application", "is not allowed dsql:DbConnectAdmin on"),
        ("missing", None, 'role "missing" does not exist'),
    ],
)
def test_connection_without_permission_is_refused(
    cluster: Cluster, user: str, role: str | None, reason: str
) -> None:
    with pytest.raises(pg8000.dbapi.Error, match=reason):
        cluster.connect(user, role)


def test_token_for_another_endpoint_is_refused(cluster: Cluster) -> None:
    with pytest.raises(pg8000.dbapi.Error, match="another endpoint"):
        cluster.connect("app", "Application", port=1)


def test_catalog_shows_grants(cluster: Cluster) -> None:
    admin = cluster.connect("admin", "Administrator")
    shown = cluster.sql(admin, "SELECT pg_role_name, arn FROM sys.iam_pg_role_mappings")
    assert shown == (["app", cluster.outputs["Application"]],)


def test_revoked_grant_is_gone(cluster: Cluster) -> None:
    admin = cluster.connect("admin", "Administrator")
    identity = cluster.outputs["Ungranted"]
    cluster.sql(admin, f"AWS IAM GRANT app TO '{identity}'")
    cluster.connect("app", "Ungranted").close()
    cluster.sql(admin, f"AWS IAM REVOKE app FROM '{identity}'")
    with pytest.raises(pg8000.dbapi.Error, match="access denied"):
        cluster.connect("app", "Ungranted")


def test_second_of_two_concurrent_updates_fails_with_40001(cluster: Cluster) -> None:
    first, second = (cluster.connect("app", "Application") for _ in range(2))
    for connection in (first, second):
        connection.autocommit = False
        cluster.sql(connection, "SELECT amount FROM ledger.entries WHERE id = 1")
    cluster.sql(first, "UPDATE ledger.entries SET amount = amount WHERE id = 1")
    first.commit()
    with pytest.raises(pg8000.dbapi.Error, match="40001"):
        cluster.sql(second, "UPDATE ledger.entries SET amount = amount WHERE id = 1")
    second.rollback()


def test_unencrypted_connection_is_refused(cluster: Cluster) -> None:
    host, _, port = cluster.outputs["Endpoint"].partition(":")
    with pytest.raises(pg8000.dbapi.Error, match="SSL is required"):
        pg8000.dbapi.connect(user="app", password="x", host=host, port=int(port), ssl_context=False)


def test_server_and_database_stay_small(cluster: Cluster) -> None:
    listing = subprocess.run(
        ["ps", "-eww", "-o", "pid,ppid,rss,args"], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 3) for line in listing.stdout.splitlines()[1:]]
    platform = [row for row in rows if "_worker.py" not in row[3]]
    directory = str(cluster.cloud.directory)
    own = {row[0] for row in platform if directory in row[3]}
    # PostgreSQL's own processes do not name the directory; their parent does.
    resident = sum(int(row[2]) for row in platform if row[0] in own or row[1] in own)
    assert len(own) >= 2
    assert resident < 400 * 1024


def test_database_that_does_not_start_says_why():
    with TemporaryDirectory() as directory:
        # PostgreSQL may run as another user than this one.
        Path(directory).chmod(0o711)
        with pytest.raises(RuntimeError, match=r'postgres failed: .*syntax error at or near "NOT"'):
            postgres.start(Path(directory) / "database", settings={}, setup="NOT SQL;")


def test_database_that_has_ended_is_started_again_with_its_data(cluster: Cluster):
    before = cluster.connect("admin", "Administrator")
    cluster.sql(before, "CREATE TABLE kept (x int)", "INSERT INTO kept VALUES (7)")
    (status,) = cluster.cloud.directory.glob("dsql-*/data/postmaster.pid")
    process = int(status.read_text().split()[0])

    os.kill(process, signal.SIGQUIT)

    wait_until("the database has ended", lambda: not status.exists())
    assert cluster.sql(cluster.connect("admin", "Administrator"), "SELECT x FROM kept") == ([7],)


def test_database_that_cannot_be_started_again_is_a_lost_connection():
    with TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        database = postgres.start(Path(directory) / "database", settings={}, setup="")
        database.process.send_signal(signal.SIGQUIT)
        database.process.wait()
        (Path(directory) / "database/data/PG_VERSION").unlink()

        with pytest.raises(ConnectionError, match="PostgreSQL did not become ready"):
            database.running()


def test_database_that_was_stopped_is_not_started_again():
    """Its clients try to connect again for as long as the cloud ends."""
    ended = subprocess.Popen(["true"])
    database = postgres.Postgres(socket=Path("socket"), process=ended, serve=lambda: ended)
    ended.wait()

    database.stop()

    with pytest.raises(ConnectionError, match="stopped"):
        database.running()


def test_database_that_is_not_ready_in_time_has_ended(monkeypatch: pytest.MonkeyPatch):
    """The next start has its data: two servers must not write there."""
    monkeypatch.setattr(postgres, "_START_SECONDS", 0.1)
    slow = subprocess.Popen(["sh", "-c", "trap exit QUIT; while :; do sleep 0.1; done"])

    with pytest.raises(RuntimeError, match="did not become ready"):
        postgres._await_ready(Path("none"), slow)

    assert slow.returncode is not None
