"""The choice of an environment."""

import json
import os
import subprocess
import sys

import pytest

from stacks.environments import ENVIRONMENTS, UnknownEnvironmentError, environment
from tests.templates.synthesis import ROOT


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
