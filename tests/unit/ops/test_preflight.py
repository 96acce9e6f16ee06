"""Each check of the preflight: what it finds fine, notes, and stops a deployment for."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from ops import __main__ as main
from ops.preflight import account, people, quotas, run, state
from ops.preflight.findings import Check, Finding, Preflight, Verdict
from tests.unit.ops.account_fakes import (
    FakeDeployed,
    answering,
    client_error,
    fake_client,
    preflight,
    raising,
    template,
)

FINE, NOTE, STOP = Verdict.FINE, Verdict.NOTE, Verdict.STOP
QUEUE = {"Type": "AWS::SQS::Queue"}
ALARMED = {
    "Type": "AWS::Lambda::Function",
    "Properties": {"DeadLetterConfig": {"TargetArn": {"Fn::GetAtt": ["Dead12345678", "Arn"]}}},
}
TABLE = {"Type": "AWS::DynamoDB::GlobalTable"}
IDENTITY = "AWS::SES::EmailIdentity"


def function(reserved: int = 0) -> Any:
    more = {"ReservedConcurrentExecutions": reserved} if reserved else {}
    properties = {"Runtime": "python3.13", "Architectures": ["arm64"], **more}
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


WORKERS = template(
    Template={
        "Type": "AWS::EC2::LaunchTemplate",
        "Properties": {"LaunchTemplateData": {"InstanceType": "t4g.micro"}},
    },
    Group={
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "Properties": {"MinSize": "2", "MaxSize": "10"},
    },
)


def found(check: Check, of: Preflight) -> list[Verdict]:
    return [finding.verdict for finding in check(of)]


def texts(check: Check, of: Preflight, verdict: Verdict) -> str:
    return "\n".join(finding.text for finding in check(of) if finding.verdict is verdict)


@pytest.mark.parametrize(
    ("parameters", "verdict"),
    [([], STOP), ([{"Value": "5"}], STOP), ([{"Value": "6"}], FINE), ([{"Value": "30"}], FINE)],
)
def test_bootstrap_stack_must_have_the_version_that_the_assembly_requires(
    tmp_path: Path, parameters: Any, verdict: Verdict
):
    artifact = {"properties": {"requiresBootstrapStackVersion": 6}}
    other = {"properties": {"requiresBootstrapStackVersion": 99}}
    (tmp_path / "manifest.json").write_text(
        json.dumps({"artifacts": {"Orders-Dev-A": artifact, "Orders-Prod-A": other, "Tree": {}}})
    )
    ssm = fake_client(get_parameters=answering(Parameters=parameters))
    of = preflight(wanted={"Orders-Dev-A": template()}, assembly=tmp_path, ssm=ssm)

    assert found(account.check_bootstrap, of) == [verdict]
    if verdict is STOP:
        said = texts(account.check_bootstrap, of, STOP)
        assert "npx cdk bootstrap aws://123456789012/eu-west-1" in said


def test_region_without_dsql_runtime_or_instance_type_stops():
    of = preflight(
        wanted={"Orders-Dev-A": template(F=function()), "Orders-Dev-B": WORKERS},
        dsql=fake_client(list_clusters=raising(EndpointConnectionError(endpoint_url="x"))),
        ec2=fake_client(describe_instance_type_offerings=answering(InstanceTypeOfferings=[])),
        **{"lambda": fake_client(list_layers=raising(client_error("ValidationException")))},
    )

    assert found(account.check_region, of) == [STOP, STOP, STOP]
    assert "python3.13 on arm64" in texts(account.check_region, of, STOP)


def test_region_with_all_that_is_needed_is_fine():
    of = preflight(
        wanted={"Orders-Dev-A": template(F=function()), "Orders-Dev-B": WORKERS},
        dsql=fake_client(list_clusters=answering(clusters=[])),
        ec2=fake_client(describe_instance_type_offerings=answering(InstanceTypeOfferings=[{}])),
        **{"lambda": fake_client(list_layers=answering(Layers=[]))},
    )

    assert found(account.check_region, of) == [FINE, FINE, FINE]


@pytest.mark.parametrize(
    ("there", "verdict"), [({}, STOP), ({"Orders-Dev-Backbone": template()}, FINE)]
)
def test_taken_name_stops_where_the_stack_is_new(there: Any, verdict: Verdict):
    bus = {"Type": "AWS::Events::EventBus", "Properties": {"Name": "Orders"}}
    log = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/aws/events/orders"}}
    of = preflight(
        wanted={"Orders-Dev-Backbone": template(Bus=bus, Log=log)},
        there=there,
        events=fake_client(list_event_buses=answering(EventBuses=[{"Name": "Orders"}])),
        logs=fake_client(
            describe_log_groups=answering(logGroups=[{"logGroupName": "/aws/events/orders-2"}])
        ),
    )

    assert found(account.check_names, of) == [verdict]
    if verdict is STOP:
        said = texts(account.check_names, of, STOP)
        assert "taken: Orders (for Orders-Dev-Backbone);" in said


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("UPDATE_COMPLETE", FINE),
        ("UPDATE_ROLLBACK_FAILED", STOP),
        ("UPDATE_IN_PROGRESS", NOTE),
    ],
)
def test_state_of_a_stack_decides_whether_it_can_be_deployed(status: str, verdict: Verdict):
    stacks = [
        {"StackName": "Orders-Dev-A", "StackStatus": status},
        {"StackName": "Other", "StackStatus": "ROLLBACK_FAILED"},
    ]
    of = preflight(
        wanted={"Orders-Dev-A": template()},
        there={"Orders-Dev-A": template()},
        cloudformation=fake_client({"describe_stacks": [{"Stacks": stacks}]}),
    )

    assert found(account.check_stacks, of) == [verdict]


def test_leftover_stack_and_options_that_are_switched_off_are_noted():
    there = {
        "Orders-Dev-Disputes": template(),
        "Orders-Dev-Mail": template(IDENTITY, outputs={"MailSender": "orders@your.shop"}),
    }
    of = preflight(wanted={"Orders-Dev-Mail": template()}, there=there)

    said = texts(state.check_leftovers, of, NOTE)
    assert "Orders-Dev-Disputes is deployed and no longer configured" in said
    assert "Orders-Dev-Mail will delete the sender's identity" in said
    assert "sends them now from orders@your.shop" in said


def test_environment_that_is_deployed_as_configured_is_fine():
    stacks = {"Orders-Dev-Mail": template(IDENTITY, outputs={"MailSender": "a"})}

    assert found(state.check_leftovers, preflight(wanted=stacks, there=stacks)) == [FINE]


@pytest.mark.parametrize(
    ("policy", "depth", "verdict"),
    [("Retain", "2", STOP), ("Delete", "2", NOTE), ("Retain", "0", FINE)],
)
def test_dead_letters_stop_an_environment_that_keeps_its_data(
    policy: str, depth: str, verdict: Verdict
):
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    dated = {"ResponseMetadata": {"HTTPHeaders": {"date": "Tue, 01 Dec 2026 09:00:00 GMT"}}}
    attributes = {names[0]: depth, names[1]: "0"}
    there = {"Orders-Dev-A": template(Dead12345678=QUEUE, Fails12345678=ALARMED)}
    of = preflight(
        wanted={"Orders-Dev-A": template(T={**TABLE, "DeletionPolicy": policy})},
        there=there,
        sqs=fake_client(get_queue_attributes=answering(Attributes=attributes, **dated)),
        s3=fake_client(),
    )

    assert found(state.check_dead_letters, of) == [verdict]
    if verdict is not FINE:
        assert texts(state.check_dead_letters, of, verdict).startswith(
            "2 dead letters wait in a/Dead"
        )


def test_costs_at_rest_are_those_of_the_page():
    (finding,) = state.check_costs(preflight())

    assert finding.text.startswith("without orders it costs some 5")
    assert finding.text.endswith("USD a month (docs/costs.md)")


def test_environment_whose_costs_no_page_says_is_noted(monkeypatch: pytest.MonkeyPatch):
    of = preflight()
    monkeypatch.setattr(of.deployed, "environment", "staging")

    (finding,) = state.check_costs(of)

    assert finding.verdict is NOTE
    assert finding.text == "docs/costs.md does not say what staging costs without orders"


@pytest.mark.parametrize(
    ("total", "unreserved", "there", "verdict"),
    [
        (10, 10, 0, STOP),
        (1_000, 129, 0, STOP),
        (1_000, 130, 0, FINE),
        (1_000, 100, 30, FINE),
        (1_000, 100, 20, STOP),
    ],
)
def test_concurrency_must_leave_a_hundred_after_what_is_reserved_in_addition(
    total: int, unreserved: int, there: int, verdict: Verdict
):
    limit = {"ConcurrentExecutions": total, "UnreservedConcurrentExecutions": unreserved}
    of = preflight(
        wanted={"Orders-Dev-A": template(F=function(30))},
        there={"Orders-Dev-A": template(F=function(there))},
        **{"lambda": fake_client(get_account_settings=answering(AccountLimit=limit))},
    )

    assert found(quotas.check_concurrency, of) == [verdict]


def test_small_concurrency_is_noted_where_nothing_is_reserved():
    limit = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}
    client = fake_client(get_account_settings=answering(AccountLimit=limit))
    of = preflight(wanted={"Orders-Dev-A": template(F=function())}, **{"lambda": client})

    assert found(quotas.check_concurrency, of) == [NOTE]


@pytest.mark.parametrize(("quota", "verdict"), [(5, STOP), (6, NOTE), (21, NOTE), (22, FINE)])
def test_vcpus_must_suffice_for_the_group_and_a_rolling_update(quota: int, verdict: Verdict):
    types = [{"VCpuInfo": {"DefaultVCpus": 2}}]
    of = preflight(
        wanted={"Orders-Prod-Warehouse": WORKERS},
        ec2=fake_client(describe_instance_types=answering(InstanceTypes=types)),
        **{
            "service-quotas": fake_client(
                get_service_quota=answering(Quota={"Value": float(quota)})
            )
        },
    )

    assert found(quotas.check_instances, of) == [verdict]


@pytest.mark.parametrize(("limit", "verdict"), [(2, STOP), (3, FINE)])
def test_quota_of_stacks_must_hold_those_that_are_new(limit: int, verdict: Verdict):
    of = preflight(
        wanted={"Orders-Dev-A": template()},
        cloudformation=fake_client(
            {"describe_stacks": [{"Stacks": [{}, {}]}]},
            describe_account_limits=answering(
                AccountLimits=[{"Name": "StackLimit", "Value": limit}]
            ),
        ),
    )

    assert found(quotas.check_stack_quota, of) == [verdict]


@pytest.mark.parametrize(("clusters", "verdict"), [(19, FINE), (20, NOTE)])
def test_quota_of_clusters_is_noted_before_it_is_exceeded(clusters: int, verdict: Verdict):
    pages: Any = {"list_clusters": [{"clusters": [{}] * clusters}]}
    of = preflight(wanted={"Orders-Dev-A": template("AWS::DSQL::Cluster")}, dsql=fake_client(pages))

    assert found(quotas.check_clusters, of) == [verdict]


SENDING = {"MailSender": "orders@your.shop", "MailIdentity": "your.shop"}


@pytest.mark.parametrize(
    ("owned", "owns", "identity", "production", "verdicts"),
    [
        (False, False, None, True, [STOP]),
        (True, False, None, True, [NOTE]),
        (True, False, True, True, [STOP]),
        (True, True, True, True, [FINE]),
        (False, False, True, True, [FINE]),
        (False, False, False, True, [NOTE]),
        (False, False, True, False, [FINE, NOTE]),
    ],
)
def test_sender_needs_an_identity_that_is_verified_and_is_not_made_twice(
    owned: bool, owns: bool, identity: bool | None, production: bool, verdicts: list[Verdict]
):
    there = answering(VerifiedForSendingStatus=identity)
    missing = raising(client_error("NotFoundException"))
    of = preflight(
        wanted={"Orders-Dev-Mail": template(*[IDENTITY] * owned, outputs=SENDING)},
        there={"Orders-Dev-Mail": template(*[IDENTITY] * owns)},
        sesv2=fake_client(
            get_email_identity=missing if identity is None else there,
            get_account=answering(ProductionAccessEnabled=production),
        ),
    )

    assert found(people.check_mail, of) == verdicts


def test_environment_without_sender_is_noted():
    assert found(people.check_mail, preflight(wanted={"Orders-Dev-Mail": template()})) == [NOTE]


@pytest.mark.parametrize(
    ("arns", "addresses", "verdicts"),
    [
        ([], 0, [NOTE]),
        ([], 1, [FINE]),
        (["arn"], 0, [FINE]),
        (["PendingConfirmation"], 0, [NOTE, NOTE]),
        (["PendingConfirmation"], 1, [NOTE, FINE]),
    ],
)
def test_alarms_that_nobody_receives_are_noted(
    arns: list[str], addresses: int, verdicts: list[Verdict]
):
    subscription = {
        "Type": "AWS::SNS::Subscription",
        "Properties": {"Protocol": "email", "Endpoint": "on-call@your.shop"},
    }
    subscriptions = [{"SubscriptionArn": arn, "Endpoint": "on-call@your.shop"} for arn in arns]
    of = preflight(
        wanted={"Orders-Dev-Operations": template(S=subscription if addresses else QUEUE)},
        there={"Orders-Dev-Operations": template("AWS::SNS::Topic")},
        sns=fake_client({"list_subscriptions_by_topic": [{"Subscriptions": subscriptions}]}),
    )

    assert found(people.check_subscribers, of) == verdicts


def refused(of: Preflight) -> Any:
    """Something."""
    yield from raising(client_error("AccessDenied"))()


def forbidden(of: Preflight) -> Any:
    """Something else."""
    yield Finding(STOP, "it would fail")


DEPLOYED: Any = FakeDeployed(
    clients={
        "sts": fake_client(
            get_caller_identity=answering(
                Account="123456789012", Arn="arn:aws:iam::123456789012:user/ada"
            )
        )
    }
)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(main, "deployed", lambda _: DEPLOYED)
    (tmp_path / "Orders-Dev-A.template.json").write_text(json.dumps(template()))
    return tmp_path


def test_check_that_cannot_be_made_is_a_note_and_the_others_go_on(environment: Path):
    first, *others = run.run_checks(DEPLOYED, environment, [refused, forbidden])

    assert first.text.startswith("account 123456789012 in eu-west-1, as arn:")
    assert [each.verdict for each in others] == [NOTE, STOP]
    assert others[0].text.startswith("not checked: Something (An error occurred (AccessDenied)")


@pytest.mark.parametrize(
    ("checks", "options", "code"),
    [([forbidden], [], 1), ([forbidden], ["--anyway"], 0), ([refused], [], 0)],
)
def test_command_ends_with_1_only_when_something_forbids_the_deployment(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: Path,
    checks: list[Check],
    options: list[str],
    code: int,
):
    monkeypatch.setattr(
        "ops.commands.preflight.run_checks",
        lambda deployed, templates: run.run_checks(deployed, templates, checks),
    )
    monkeypatch.setattr("sys.argv", ["ops", "preflight", "--templates", str(environment), *options])

    assert main.main() == code

    shown = [line[:6] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["fine  ", "stop  " if forbidden in checks else "note  "]
