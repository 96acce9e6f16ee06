"""The choice of an environment."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stacks.backbone import BackboneStack
from stacks.components.saga_steps import STANDARD
from stacks.environments import (
    DEV,
    ENVIRONMENTS,
    Environment,
    UnknownEnvironmentError,
    environment,
)
from stacks.operations import OperationsStack
from tests.templates.checks import STREAM, a_stream_outlives_a_weekend_and_is_encrypted
from tests.templates.synthesis import ROOT, Platform, new_app, templates


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_known_environment_is_found_by_its_name(name: str):
    assert environment(name).name == name


def test_an_unknown_one_is_told_which_there_are():
    with pytest.raises(UnknownEnvironmentError) as unknown:
        environment("nope")

    assert str(unknown.value) == "unknown environment 'nope': -c env=NAME takes one of dev, prod"


def test_the_app_ends_with_that_one_line():
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
    assert app.stderr == "unknown environment 'nope': -c env=NAME takes one of dev, prod\n"
    assert app.stdout == ""


@pytest.mark.parametrize("env", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_nobody_asks_what_became_of_an_order_before_its_saga_and_a_takeover_are_over(
    env: Environment,
):
    announced_again = 300 + 2 * 60
    sagas = STANDARD.lease + announced_again + STANDARD.machine
    assert env.quiet.to_seconds() > sagas


def test_an_environment_without_shards_leaves_them_to_kinesis(tmp_path: Path):
    env = replace(DEV, shards=None)
    app = new_app(outdir=str(tmp_path))
    operations = OperationsStack(app, env=env)
    BackboneStack(app, env=env, alarms=operations.topic, schedules=operations.schedules)
    on_demand = Platform(environment=env, templates=templates(app))

    assert list(a_stream_outlives_a_weekend_and_is_encrypted(on_demand)) == []
    assert "ShardCount" not in on_demand.one(STREAM).properties
