"""The whole platform with Standard sagas and then, deployed again after one change, with Express.

A payment that waits until the test lets it go on holds a saga where it is; a rule that is off keeps
one from starting. Scheduled jobs run when a test says so. What Step Functions retries for minutes
is tested in tests/saga with shorter time-outs.

All tests of this package share one cloud, and its orders.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from aws_cdk.aws_stepfunctions import StateMachineType

from app import compose
from demo import api_client, order_book
from demo.database import SCHEMA
from demo.snapshot import Snapshot
from demo.stock_delivery import deliver_stock
from emulator.cloud import Cloud
from emulator.deploy import deploy
from stacks.environments import DEV
from tests.support.grants import cloud_recording_grants, resources_of
from tests.support.listeners import subscribe
from tests.support.orders_platform import SKU, STOCK, Platform
from tests.support.patching import disable_schedules, patched_function
from tests.templates.synthesis import new_app

TAKE_PAYMENT = "lambdas/payments/take_payment.py"
WAITS = """
import os, time

def handler(event, context, _handler=handler):
    while os.path.exists({gate!r}):
        time.sleep(0.02)
    return _handler(event, context)
"""
"""At the end of the function's module: it waits as long as that file is there.

Not for longer than the function may run, 7 s, but its saga asks again: twice at least.
"""
JOBS = ("RepublishStalled", "ResolveDuplicates", "ExpireOrders")


@pytest.fixture(scope="package")
def cloud() -> Iterator[Cloud]:
    with cloud_recording_grants() as cloud:
        yield cloud


@pytest.fixture(scope="package")
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(order_book.SCHEMA + SCHEMA)
        database.execute("INSERT INTO demand VALUES (?, ?)", [SKU, STOCK])
        yield database


@pytest.fixture(
    scope="package",
    params=[StateMachineType.STANDARD, StateMachineType.EXPRESS],
    ids=lambda kind: kind.name,
)
def platform(
    request: pytest.FixtureRequest,
    cloud: Cloud,
    database: sqlite3.Connection,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Platform]:
    assembly: Path = tmp_path_factory.mktemp("assembly")
    app = new_app(outdir=str(assembly))
    compose(app, replace(DEV, saga_type=request.param, operators_client=True))
    app.synth()
    outputs = deploy(cloud, assembly=assembly, progress=lambda _: None)
    disable_schedules(cloud, *(f"Jobs{job}" for job in JOBS))
    deliver_stock(cloud, outputs["ReceiveStockFunction"], database)
    customers = api_client.create_customers(cloud, outputs, "ada", "bob")
    http = api_client.http(cloud)
    platform = Platform(
        kind=request.param,
        cloud=cloud,
        client=cloud.client,
        outputs=outputs,
        resources={f"{r.kind} {r.logical_id}": r.physical_id for r in resources_of(cloud)},
        http=http,
        customers=customers,
        api=api_client.ApiClient(outputs["ApiUrl"], customers, http=http, sleep=lambda _: None),
        database=database,
        snapshot=Snapshot(cloud, outputs, database),
        operations=subscribe(
            cloud, outputs["OperationsTopic"], name="operations-notified", raw=True
        ),
        gate=cloud.directory / "payments-wait",
    )
    (arn,) = (
        value
        for key, value in platform.resources.items()
        if "Fulfilment" in key and "StateMachine " in key
    )
    there = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    assert there["type"] == request.param.name
    waits = WAITS.format(gate=str(platform.gate))
    with patched_function(cloud, platform.function("TakePayment"), TAKE_PAYMENT, waits):
        yield platform
