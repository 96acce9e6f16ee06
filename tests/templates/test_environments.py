"""The choice of an environment."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Duration
from aws_cdk.aws_stepfunctions import StateMachineType

from stacks.backbone import BackboneStack
from stacks.constructs.saga.model import STANDARD_TIMEOUTS
from stacks.environments import (
    DEV,
    ENVIRONMENTS,
    LAPTOP,
    ApiDomain,
    Environment,
    environment,
)
from stacks.http_api import HttpApiStack
from stacks.operations import OperationsStack
from stacks.sender import Sender
from stacks.setting_checks import InvalidSettingError, check_settings
from tests.templates.checks.streams import stream_is_retained_and_encrypted
from tests.templates.kinds import STREAM
from tests.templates.synthesis import ROOT, Platform, new_app, templates

KNOWN = ", ".join((*ENVIRONMENTS, "laptop", "laptop-express"))
UNKNOWN = f"unknown environment 'nope': -c env=NAME takes one of {KNOWN}\n"


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_known_environment_is_found_by_name(name: str):
    assert environment(name).name == name


def test_unknown_environment_lists_the_known_ones():
    with pytest.raises(InvalidSettingError) as unknown:
        environment("nope")

    assert f"{unknown.value}\n" == UNKNOWN


LAPTOPS_LIMITS = ("rate_limit", "burst_limit", "placing_concurrency")


def test_laptop_has_the_stacks_of_dev_and_every_option():
    laptop = environment("laptop")

    optional: dict[str, Any] = {
        "operators_client": False,
        "dashboard": False,
        "partner_event_source": None,
    }
    owners: dict[str, Any] = {"sender": None, "alarm_addresses": (), "api_domain": None}
    limits: dict[str, Any] = {name: getattr(DEV, name) for name in LAPTOPS_LIMITS}
    assert replace(laptop, **optional, **owners, **limits) == replace(DEV, **owners)
    assert laptop.partner_event_source
    assert laptop.sender
    assert laptop.operators_client
    assert laptop.dashboard
    assert laptop.rate_limit < DEV.rate_limit


def test_laptop_with_express_workflows_is_the_laptop_otherwise():
    express = environment("laptop-express")

    assert express.saga_type == StateMachineType.EXPRESS
    assert replace(express, saga_type=LAPTOP.saga_type) == LAPTOP


CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/c0ffee"
API_DOMAIN = ApiDomain(name="api.your.shop", certificate_arn=CERTIFICATE)
SENDER = Sender(address="orders@your.shop", identity="your.shop")


@pytest.mark.parametrize("env", [*ENVIRONMENTS.values(), LAPTOP])
def test_settings_of_every_environment_are_valid(env: Environment):
    check_settings(env)
    check_settings(replace(env, sender=SENDER, api_domain=API_DOMAIN))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        *(
            ({"partner_event_source": name}, f"dev has partner_event_source='{name}', and")
            for name in ("", "example.com", "aws.partner/x", "aws.partner/x/y z", "Orders")
        ),
        *(
            ({"sender": replace(SENDER, address=address)}, f"has sender.address='{address}', and")
            for address in ("b.example", "@b.example", "a@", "a@b@c.example", "a@b")
        ),
        *(
            ({"order_expected_within": Duration.seconds(s)}, f"has order_expected_within={said}")
            for s, said in ((30, "30 seconds"), (90_000, "1 day 1 hour"))
        ),
        ({"alarm_addresses": ("a@b.example", "b")}, "has alarm_addresses with 'b', and"),
        (
            {"sender": replace(SENDER, identity="their.shop")},
            "has sender.identity='their.shop', and it must be such as orders@your.shop or your",
        ),
        *(
            ({"api_domain": replace(API_DOMAIN, name=name)}, f"has api_domain.name='{name}', and")
            for name in ("https://api.your.shop", "api", "")
        ),
        (
            {"api_domain": replace(API_DOMAIN, certificate_arn="c0ffee")},
            "has api_domain.certificate_arn='c0ffee', and it must be such as arn:aws:acm:",
        ),
    ],
)
def test_invalid_setting_is_named_with_its_environment(changed: Mapping[str, Any], said: str):
    with pytest.raises(InvalidSettingError, match=r"stacks/environments\.py: dev has") as invalid:
        check_settings(replace(DEV, **changed))

    assert said in str(invalid.value)


def test_alarms_go_to_the_addresses_that_are_set(tmp_path: Path):
    app = new_app(outdir=str(tmp_path))
    OperationsStack(app, env=replace(DEV, alarm_addresses=("on-call@your.shop",)))

    (template,) = templates(app).values()

    kinds = {each["Type"]: each["Properties"] for each in template["Resources"].values()}
    assert kinds["AWS::SNS::Subscription"]["Protocol"] == "email"
    assert kinds["AWS::SNS::Subscription"]["Endpoint"] == "on-call@your.shop"


def test_domain_is_the_address_of_the_api(tmp_path: Path):
    env = replace(DEV, api_domain=API_DOMAIN)
    app = new_app(outdir=str(tmp_path))
    HttpApiStack(app, env=env, alarms=OperationsStack(app, env=env).topic)

    template = templates(app)["Orders-Dev-HttpApi"]

    assert template["Outputs"]["ApiUrl"]["Value"] == "https://api.your.shop"
    kinds = {resource["Type"]: resource for resource in template["Resources"].values()}
    assert kinds["AWS::ApiGatewayV2::Api"]["Properties"]["DisableExecuteApiEndpoint"] is True
    assert kinds["AWS::ApiGatewayV2::DomainName"]["Properties"]["DomainName"] == "api.your.shop"
    assert "AWS::ApiGatewayV2::ApiMapping" in kinds


def test_app_prints_one_line_for_invalid_setting():
    app = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, "CDK_CONTEXT_JSON": json.dumps({"env": "nope"})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert app.returncode == 2
    assert app.stderr == UNKNOWN
    assert app.stdout == ""


@pytest.mark.parametrize("env", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_status_is_queried_only_after_saga_and_takeover_end(
    env: Environment,
):
    republished = 300 + 2 * 60
    sagas = STANDARD_TIMEOUTS.lease + republished + STANDARD_TIMEOUTS.execution
    assert env.unresolved_after.to_seconds() > sagas


def test_environment_without_shards_uses_on_demand_stream(tmp_path: Path):
    env = replace(DEV, shards=None)
    app = new_app(outdir=str(tmp_path))
    operations = OperationsStack(app, env=env)
    BackboneStack(app, env=env, alarms=operations.topic, schedules=operations.schedules)
    on_demand = Platform(environment=env, templates=templates(app))

    assert list(stream_is_retained_and_encrypted(on_demand)) == []
    assert "ShardCount" not in on_demand.one(STREAM).properties
