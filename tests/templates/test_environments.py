"""The choice of an environment."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stacks.backbone import BackboneStack
from stacks.constructs.saga.model import STANDARD_TIMEOUTS
from stacks.environments import (
    DEV,
    ENVIRONMENTS,
    ApiDomain,
    Environment,
    InvalidSettingError,
    environment,
)
from stacks.http_api import HttpApiStack
from stacks.operations import OperationsStack
from tests.templates.checks.streams import stream_is_retained_and_encrypted
from tests.templates.kinds import STREAM
from tests.templates.synthesis import ROOT, Platform, new_app, templates


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_known_environment_is_found_by_name(name: str):
    assert environment(name).name == name


def test_unknown_environment_lists_the_known_ones():
    with pytest.raises(InvalidSettingError) as unknown:
        environment("nope")

    assert str(unknown.value) == "unknown environment 'nope': -c env=NAME takes one of dev, prod"


def test_sender_overrides_the_environment():
    assert environment("dev", sender="a@b.example") == replace(DEV, sender="a@b.example")
    assert environment("dev", sender=None) == environment("dev", sender="") == DEV


@pytest.mark.parametrize("sender", ["b.example", "@b.example", "a@", "a@b@c"])
def test_invalid_sender_is_named_in_the_error(sender: str):
    with pytest.raises(
        InvalidSettingError, match=f"'{sender}' is no sender: -c sender=ADDRESS takes"
    ):
        environment("dev", sender=sender)


CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/c0ffee"


def test_domain_is_the_address_of_the_api(tmp_path: Path):
    env = environment("dev", domain="api.your.shop", certificate=CERTIFICATE)
    app = new_app(outdir=str(tmp_path))
    HttpApiStack(app, env=env)

    (template,) = templates(app).values()

    assert env.api_domain == ApiDomain(name="api.your.shop", certificate_arn=CERTIFICATE)
    assert template["Outputs"]["ApiUrl"]["Value"] == "https://api.your.shop"
    kinds = {resource["Type"]: resource for resource in template["Resources"].values()}
    assert kinds["AWS::ApiGatewayV2::Api"]["Properties"]["DisableExecuteApiEndpoint"] is True
    assert kinds["AWS::ApiGatewayV2::DomainName"]["Properties"]["DomainName"] == "api.your.shop"
    assert "AWS::ApiGatewayV2::ApiMapping" in kinds


@pytest.mark.parametrize(
    ("domain", "certificate", "said"),
    [
        ("https://api.your.shop", CERTIFICATE, "is no domain name: -c domain=NAME takes"),
        ("api", CERTIFICATE, "'api' is no domain name: -c domain=NAME takes"),
        (None, CERTIFICATE, "None is no domain name: -c domain=NAME takes"),
        ("api.your.shop", None, "None is no certificate for api.your.shop: -c certificate=ARN"),
        ("api.your.shop", "c0ffee", "'c0ffee' is no certificate for api.your.shop"),
    ],
)
def test_invalid_domain_or_certificate_is_named_in_the_error(
    domain: str | None, certificate: str | None, said: str
):
    with pytest.raises(InvalidSettingError, match=re.escape(said)):
        environment("dev", domain=domain, certificate=certificate)


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"env": "nope"}, "unknown environment 'nope': -c env=NAME takes one of dev, prod\n"),
        (
            {"sender": "nope"},
            "'nope' is no sender: -c sender=ADDRESS takes one such as orders@your.shop\n",
        ),
    ],
)
def test_app_prints_one_line_for_invalid_setting(context: dict[str, str], said: str):
    app = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, "CDK_CONTEXT_JSON": json.dumps(context)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert app.returncode == 2
    assert app.stderr == said
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
