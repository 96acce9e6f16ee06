"""The model of a busy SKU has the batches that are deployed."""

import pytest

from bench.hot_sku import STREAM_BATCH, STREAM_WINDOW
from bench.hot_sku_model import SAGA_MAX_DELAY, SAGA_RETRIES
from stacks.constructs.saga.model import STANDARD_TIMEOUTS
from stacks.environments import ENVIRONMENTS
from tests.templates.synthesis import platform


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_model_has_the_templates_batches(environment: str):
    resources = [
        resource
        for template in platform(environment).templates.values()
        for id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::EventSourceMapping" and id.startswith("MoveUnits")
    ]

    (mapping,) = (resource["Properties"] for resource in resources)
    assert mapping["BatchSize"] == STREAM_BATCH
    assert mapping["MaximumBatchingWindowInSeconds"] == STREAM_WINDOW


def test_model_has_the_sagas_retries():
    assert STANDARD_TIMEOUTS.action_retries == SAGA_RETRIES
    assert STANDARD_TIMEOUTS.max_delay == SAGA_MAX_DELAY
