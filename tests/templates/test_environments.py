"""The choice of an environment."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stacks.backbone import BackboneStack
from stacks.components.saga_steps import STANDARD_TIMEOUTS
from stacks.environments import (
    DEV,
    ENVIRONMENTS,
    BadSettingError,
    Environment,
    environment,
)
from stacks.operations import OperationsStack
from tests.templates.checks import STREAM, a_stream_outlives_a_weekend_and_is_encrypted
from tests.templates.synthesis import ROOT, Platform, new_app, templates


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_known_environment_is_found_by_its_name(name: str):
    assert environment(name).name == name


def test_an_unknown_one_is_told_which_there_are():
    with pytest.raises(BadSettingError) as unknown:
        environment("nope")

    assert str(unknown.value) == "unknown environment 'nope': -c env=NAME takes one of dev, prod"


def test_another_sender_is_that_of_this_deployment():
    assert environment("dev", sender="a@b.example") == replace(DEV, sender="a@b.example")
    assert environment("dev", sender=None) == environment("dev", sender="") == DEV


@pytest.mark.parametrize("sender", ["b.example", "@b.example", "a@", "a@b@c"])
def test_a_sender_that_is_none_is_named(sender: str):
    with pytest.raises(BadSettingError, match=f"'{sender}' is no sender: -c sender=ADDRESS takes"):
        environment("dev", sender=sender)


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
def test_the_app_ends_with_that_one_line(context: dict[str, str], said: str):
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
def test_nobody_asks_what_became_of_an_order_before_its_saga_and_a_takeover_are_over(
    env: Environment,
):
    announced_again = 300 + 2 * 60
    sagas = STANDARD_TIMEOUTS.lease + announced_again + STANDARD_TIMEOUTS.execution
    assert env.quiet.to_seconds() > sagas


def test_an_environment_without_shards_leaves_them_to_kinesis(tmp_path: Path):
    env = replace(DEV, shards=None)
    app = new_app(outdir=str(tmp_path))
    operations = OperationsStack(app, env=env)
    BackboneStack(app, env=env, alarms=operations.topic, schedules=operations.schedules)
    on_demand = Platform(environment=env, templates=templates(app))

    assert list(a_stream_outlives_a_weekend_and_is_encrypted(on_demand)) == []
    assert "ShardCount" not in on_demand.one(STREAM).properties
