"""Each patch does what AWS documents and MiniStack leaves out.

Every test deploys the smallest stack that shows the behaviour, and looks at it from outside.
"""

import io
import json
import queue
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import boto3
import pg8000.dbapi
import pytest
from botocore.exceptions import ClientError

from emulator.cloud import Cloud
from emulator.patches import named_errors
from tests.support.deliveries import eventually
from tests.support.small_stacks import IAM, Deploy, client, function, get, lines, ref, role
from tests.support.waiting import TIMEOUT_SECONDS, wait_until

# Events


def test_policy_on_the_source_allows_only_that_source(cloud: Cloud, deploy: Deploy) -> None:
    publisher = json.loads(json.dumps(role("events:PutEvents")))
    properties = publisher["Properties"]
    (statement,) = properties["Policies"][0]["PolicyDocument"]["Statement"]
    statement["Condition"] = {"StringEquals": {"events:source": "com.aws.orders"}}
    (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
    trust["Principal"] = {"AWS": "*"}
    stack = deploy({"Publisher": publisher}, Role=get("Publisher"))
    keys = client(cloud, "sts").assume_role(
        RoleArn=stack.outputs["Role"], RoleSessionName="publisher"
    )["Credentials"]
    events = boto3.client(
        "events",
        endpoint_url=cloud.endpoint,
        verify=str(cloud.certificate),
        region_name=cloud.region,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )

    def put_events(*sources: str) -> None:
        events.put_events(
            Entries=[{"Source": s, "DetailType": "Probe", "Detail": "{}"} for s in sources]
        )

    put_events("com.aws.orders", "com.aws.orders")
    for refused in (["com.aws.payments"], ["com.aws.orders", "com.aws.payments"]):
        with pytest.raises(ClientError, match="not authorized to perform: events:PutEvents"):
            put_events(*refused)


def test_archive_is_created_by_cloudformation(cloud: Cloud, deploy: Deploy) -> None:
    bus = {"Type": "AWS::Events::EventBus", "Properties": {"Name": "archived"}}
    pattern = {"source": ["com.aws.orders"]}
    archive = {
        "Type": "AWS::Events::Archive",
        "Properties": {"SourceArn": get("Bus"), "RetentionDays": 3, "EventPattern": pattern},
    }
    stack = deploy({"Bus": bus, "Archive": archive}, Name=ref("Archive"), Arn=get("Archive"))
    name = stack.outputs["Name"]
    found = client(cloud, "events").describe_archive(ArchiveName=name)
    assert (found["RetentionDays"], json.loads(found["EventPattern"])) == (3, pattern)
    assert found["ArchiveArn"] == stack.outputs["Arn"]


# Functions


def test_exception_is_reported_by_name_and_the_environment_is_reused(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = deploy({"Role": role(), "Fails": function("fails")}, Name=ref("Fails"))
    functions = client(cloud, "lambda")
    for attempt in (1, 2):
        answer = functions.invoke(FunctionName=stack.outputs["Name"])
        error = json.loads(answer["Payload"].read())
        assert answer["FunctionError"] == "Unhandled"
        assert error["errorType"] == "OutOfStock"
        assert error["errorMessage"] == f"attempt {attempt}"
        assert "raise OutOfStock" in error["stackTrace"][0]


def test_process_that_ends_is_an_exit_error(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy({"Role": role(), "Ends": function("ends")}, Name=ref("Ends"))
    answer = client(cloud, "lambda").invoke(FunctionName=stack.outputs["Name"])
    assert json.loads(answer["Payload"].read())["errorType"] == "Runtime.ExitError"


TAKES_ITS_TIME = """
import os, time
def handler(event, context):
    time.sleep(event)
    return os.environ["STATE"]
"""


def with_other_code(before: str) -> dict[str, Any]:
    after = io.BytesIO()
    with zipfile.ZipFile(after, "w") as archive:
        archive.writestr("index.py", before.replace('os.environ["STATE"]', '"new"'))
    return {"ZipFile": after.getvalue()}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("update_function_code", with_other_code(TAKES_ITS_TIME)),
        ("update_function_configuration", {"Environment": {"Variables": {"STATE": "new"}}}),
    ],
)
def test_running_invocation_survives_an_update_and_later_ones_see_it(
    cloud: Cloud, deploy: Deploy, change: str, what: dict[str, Any]
) -> None:
    changes = function(
        "handler",
        Code={"ZipFile": TAKES_ITS_TIME},
        Environment={"Variables": {"STATE": "old"}},
    )
    stack = deploy({"Role": role(), "Changes": changes}, Name=ref("Changes"))
    functions = cloud.clients()

    def ask(seconds: float) -> Any:
        answer = functions("lambda").invoke(
            FunctionName=stack.outputs["Name"], Payload=json.dumps(seconds)
        )
        return json.loads(answer["Payload"].read())

    assert ask(0) == "old"
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(ask, 2)
        time.sleep(0.2)
        # The only process is at work: this one waits for it, for a moment.
        pool.submit(ask, 0)
        time.sleep(0.2)
        getattr(functions("lambda"), change)(FunctionName=stack.outputs["Name"], **what)
        assert {ask(0) for _ in range(3)} == {"new"}
        assert running.result() == "old"


def test_log_records_are_json_objects_when_the_format_is_json(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            "Role": role(),
            "Group": {"Type": "AWS::Logs::LogGroup"},
            "Logs": function("logs", LoggingConfig={"LogFormat": "JSON", "LogGroup": ref("Group")}),
        },
        Name=ref("Logs"),
        Group=ref("Group"),
    )
    client(cloud, "lambda").invoke(FunctionName=stack.outputs["Name"])
    (line,) = [m for m in lines(cloud, stack.outputs["Group"], "order 7") if "order 7" in m]
    record = json.loads(line)
    assert (record["level"], record["message"], record["logger"]) == ("INFO", "order 7", "shop")
    assert record["requestId"]


def test_silent_handler_does_not_wait_for_its_log(cloud: Cloud, deploy: Deploy) -> None:
    silent = function("handler", Code={"ZipFile": "def handler(event, context): return 1"})
    stack = deploy({"Role": role(), "Silent": silent}, Name=ref("Silent"))
    functions = client(cloud, "lambda")

    def seconds() -> float:
        started = time.monotonic()
        functions.invoke(FunctionName=stack.outputs["Name"])
        return time.monotonic() - started

    # If they all waited, none would be that quick, on any machine.
    assert eventually(lambda: seconds() < 0.04)


def test_late_end_of_a_log_is_waited_for() -> None:
    """Else it would be taken for that of the next invocation's log, and each would miss its own."""

    class Worker:
        def __init__(self, *_: Any) -> None:
            self._stderr_queue: queue.Queue[str] = queue.Queue()
            self._stderr_thread = threading.current_thread()

        def invoke(self) -> dict[str, Any]:
            return {}

    named_errors._wrap_worker(Worker)
    worker: Any = Worker("name", {}, b"")

    def end() -> None:
        worker._stderr_queue.put("the last line")
        worker._stderr_queue.put(named_errors._END_OF_LOG)

    threading.Timer(1.5, end).start()
    assert worker._drain_stderr_bounded() == "the last line"


def test_custom_resource_answers_by_https(deploy: Deploy) -> None:
    custom = {"Type": "Custom::Probe", "Properties": {"ServiceToken": get("Answers")}}
    resources = {"Role": role(), "Answers": function("answers"), "Probe": custom}
    assert deploy(resources, Answer=get("Probe", "Answer")).outputs["Answer"] == "42"


def test_custom_resource_without_an_answer_fails_with_the_functions_error(
    deploy: Deploy,
) -> None:
    custom = {"Type": "Custom::Probe", "Properties": {"ServiceToken": get("Fails")}}
    with pytest.raises(RuntimeError, match="OutOfStock"):
        deploy({"Role": role(), "Fails": function("fails"), "Probe": custom})


# The HTTP API


def test_api_endpoint_accepts_the_pools_tokens_and_no_others(cloud: Cloud, deploy: Deploy) -> None:
    issuer = {
        "Fn::Sub": "https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${Pool}",
    }
    user_client = {"UserPoolId": ref("Pool"), "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]}
    integration = {
        "ApiId": ref("Api"),
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": get("Logs"),
        "PayloadFormatVersion": "2.0",
    }
    authorizer = {
        "ApiId": ref("Api"),
        "Name": "pool",
        "AuthorizerType": "JWT",
        "IdentitySource": ["$request.header.Authorization"],
        "JwtConfiguration": {"Issuer": issuer, "Audience": [ref("Client")]},
    }
    route = {
        "ApiId": ref("Api"),
        "RouteKey": "GET /orders/{id}",
        "Target": {"Fn::Sub": "integrations/${Integration}"},
        "AuthorizationType": "JWT",
        "AuthorizerId": ref("Authorizer"),
    }
    stage = {"ApiId": ref("Api"), "StageName": "$default", "AutoDeploy": True}
    permission = {
        "FunctionName": get("Logs"),
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
    }
    api = {"Name": "probe", "ProtocolType": "HTTP"}
    stack = deploy(
        {
            "Role": role(),
            "Logs": function("logs"),
            "Permission": {"Type": "AWS::Lambda::Permission", "Properties": permission},
            "Pool": {"Type": "AWS::Cognito::UserPool"},
            "Client": {"Type": "AWS::Cognito::UserPoolClient", "Properties": user_client},
            "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": api},
            "Stage": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": stage},
            "Integration": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": integration},
            "Authorizer": {"Type": "AWS::ApiGatewayV2::Authorizer", "Properties": authorizer},
            "Route": {"Type": "AWS::ApiGatewayV2::Route", "Properties": route},
        },
        Endpoint=get("Api", "ApiEndpoint"),
        Api=ref("Api"),
        Pool=ref("Pool"),
        Client=ref("Client"),
    )
    users = client(cloud, "cognito-idp")
    pool, password = stack.outputs["Pool"], "Correct-h0rse"
    users.admin_create_user(UserPoolId=pool, Username="ann", MessageAction="SUPPRESS")
    users.admin_set_user_password(
        UserPoolId=pool, Username="ann", Password=password, Permanent=True
    )
    token = users.initiate_auth(
        ClientId=stack.outputs["Client"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ann", "PASSWORD": password},
    )["AuthenticationResult"]["AccessToken"]

    trust = ssl.create_default_context(cafile=str(cloud.certificate))
    url = f"{stack.outputs['Endpoint']}/orders/7"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(url, context=trust)
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, context=trust) as answer:
        assert json.load(answer)["path"] == "/orders/7"

    described = client(cloud, "apigatewayv2").get_api(ApiId=stack.outputs["Api"])
    assert described["ApiEndpoint"] == stack.outputs["Endpoint"]


# Aurora DSQL


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
