"""The scaler in the local cloud, under its own rights; its metrics are put by hand.

The local cloud measures no streams, and takes metrics in AWS's own namespace, which AWS would not.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.cloud import Cloud
from lambdas.backbone.stream import RESHARDED_TAG
from stacks.backbone import BackboneStack
from stacks.environments import DEV
from stacks.operations import OperationsStack
from tests.support.direct_deployment import deploy_directly
from tests.support.grants import cloud_recording_grants
from tests.support.streams import throttle_for_a_minute
from tests.templates.synthesis import new_app


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The backbone, and the topic of its alarms."""
    folder: Path = tmp_path_factory.mktemp("assembly")
    app = new_app(outdir=str(folder))
    operations = OperationsStack(app, env=DEV)
    BackboneStack(app, env=DEV, alarms=operations.topic, schedules=operations.schedules)
    app.synth()
    return folder


@pytest.fixture(scope="module")
def deployed(assembly: Path) -> Iterator[tuple[Cloud, dict[str, str]]]:
    with cloud_recording_grants() as cloud:
        yield cloud, deploy_directly(cloud, assembly=assembly)


def run(cloud: Cloud, function: str) -> Any:
    answer = cloud.client("lambda").invoke(FunctionName=function, Payload=b"{}")
    content = json.load(answer["Payload"])
    assert "FunctionError" not in answer, content
    return content


def test_throttled_stream_gets_twice_the_shards_once(deployed: tuple[Cloud, dict[str, str]]):
    cloud, outputs = deployed
    stream, function = outputs["OrderStreamName"], outputs["ScaleStreamFunction"]

    assert run(cloud, function) == {"shards": 1, "changed": False}

    throttle_for_a_minute(cloud, stream)
    # The schedule may come first: in either case the change is made once.
    run(cloud, function)
    assert run(cloud, function) == {"shards": 2, "changed": False}

    kinesis = cloud.client("kinesis")
    summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    tags = {t["Key"]: t["Value"] for t in kinesis.list_tags_for_stream(StreamName=stream)["Tags"]}
    assert summary["OpenShardCount"] == 2
    assert len(tags[RESHARDED_TAG].split()) == 1
