"""The page about views and the stream: what Kinesis, the scaler's log and EventBridge say."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from ops.console.order_stream import stream_of
from ops.console.wiring import Wiring
from ops.views.registry import VIEWS
from tests.support.asgi import Browser
from tests.unit.ops.account_fakes import answering, client_error, fake_client, raising
from tests.unit.ops.console.conftest import FakeDeployed
from tests.unit.ops.dead_letter_samples import templates

SUMMARY = {"OpenShardCount": 3, "StreamStatus": "UPDATING", "RetentionPeriodHours": 168}


def decided(minutes_ago: int, shards: int, to: int, reason: str) -> dict[str, Any]:
    line = {"message": "shard_count_decided", "shards": shards, "to": to, "reason": reason}
    more = {"busiest_load": 0.834, "calls_left": 7}
    at = int((datetime.now(UTC) - timedelta(minutes=minutes_ago)).timestamp() * 1000)
    return {"timestamp": at, "message": json.dumps({**line, **more})}


@pytest.fixture
def answers(deployed: FakeDeployed) -> dict[str, Any]:
    """What the services say; a test adds to it."""
    said: dict[str, Any] = {"events": [], "lags": {}, "replays": [], "mappings": {}}

    def mappings(*, FunctionName: str) -> Any:  # noqa: N803
        states = [v for part, v in said["mappings"].items() if part in FunctionName]
        return {"EventSourceMappings": states[0] if states else [{"State": "Enabled"}]}

    def outputs(stack: str) -> Any:
        return {f"{view.name}Table": f"{view.name}-table" for view in VIEWS.values()}

    def lags(*, MetricDataQueries: list[Any], **_: Any) -> Any:  # noqa: N803
        def values(query: Any) -> list[float]:
            name = query["MetricStat"]["Metric"]["Dimensions"][0]["Value"]
            return next((v for part, v in said["lags"].items() if part in name), [])

        found = [{"Id": each["Id"], "Values": values(each)} for each in MetricDataQueries]
        return {"MetricDataResults": found}

    deployed.outputs = outputs  # type: ignore[method-assign]
    deployed.parameters = lambda stack: {  # type: ignore[attr-defined]
        f"{view.name}Slot": "1" for view in VIEWS.values()
    }
    deployed.clients |= {
        "lambda": SimpleNamespace(list_event_source_mappings=mappings),
        "kinesis": fake_client(describe_stream_summary=answering(StreamDescriptionSummary=SUMMARY)),
        "cloudwatch": SimpleNamespace(get_metric_data=lags),
        "logs": fake_client({"filter_log_events": lambda **_: [{"events": said["events"]}]}),
        "dynamodb": fake_client(describe_table=answering(Table={"ItemCount": 42})),
        "events": SimpleNamespace(list_replays=lambda **_: {"Replays": said["replays"]}),
    }
    return said


def test_stream_is_shown_with_its_shards_and_how_far_each_reader_is_behind(
    browser: Browser, answers: dict[str, Any]
):
    answers["lags"] = {"UpdateTimelines": [1_500.0]}

    page = browser.get("/views").text

    assert stream_of(Wiring(templates())).name in page
    assert '<dd>3 <span class="tag deferred">updating</span>' in page
    assert "1.5 s behind" in page
    assert "this cloud measures no lag" in page


@pytest.mark.parametrize(
    ("mappings", "said"),
    [
        ([], "is not there"),
        ([{"State": "Disabled"}], "is Disabled"),
        ([{"State": "Enabled"}, {"State": "Disabled"}], "last result was: none; Disabled"),
        ([{"State": "Enabled", "LastProcessingResult": "PROBLEM: no right"}], "PROBLEM: no right"),
    ],
)
def test_reader_whose_mapping_does_not_work_is_shown(
    browser: Browser, answers: dict[str, Any], mappings: list[dict[str, str]], said: str
):
    """It has no lag that an alarm could see."""
    assert "event source mapping" not in browser.get("/views").text
    answers["mappings"] = {"UpdateTimelines": mappings}

    page = browser.get("/views").text

    assert page.count("event source mapping") == 1
    assert said in page


def test_decisions_of_the_scaler_are_shown_with_their_reasons_and_equal_ones_once(
    browser: Browser, answers: dict[str, Any]
):
    answers["events"] = [
        decided(3, 2, 4, "busy <b>"),
        decided(2, 4, 4, "steady"),
        decided(1, 4, 4, "steady"),
        {"timestamp": 0, "message": "START shard_count_decided"},
        {"timestamp": 0, "message": '{"message": "other"}'},
    ]

    page = browser.get("/views").text

    assert page.count("steady") == 1
    assert "and 1 before, since 2 min" in page
    assert page.index("steady") < page.index("busy &lt;b&gt;")
    assert "2 → <b>4</b>" in page
    assert "83 %" in page


def test_each_view_is_shown_with_its_slot_and_leads_to_its_rebuild(
    browser: Browser, answers: dict[str, Any]
):
    page = browser.get("/views").text

    assert page.count("slot 1, ") == len(VIEWS)
    assert all(f'<a href="/views/{name}">' in page for name in VIEWS)


@pytest.mark.parametrize(
    ("state", "reached", "percent"),
    [("RUNNING", 3, 30), ("STARTING", None, 0), ("COMPLETED", 9, 100)],
)
def test_replay_of_a_rebuild_is_shown_with_its_progress(
    browser: Browser, answers: dict[str, Any], state: str, reached: int | None, percent: int
):
    now = datetime.now(UTC)
    replay = {
        "ReplayName": "rebuild-Sales-1",
        "State": state,
        "EventStartTime": now - timedelta(hours=10),
        "EventEndTime": now,
    }
    if reached is not None:
        replay["EventLastReplayedTime"] = now - timedelta(hours=10 - reached)
    answers["replays"] = [replay]

    page = browser.get("/views").text

    assert "rebuild-Sales-1" in page
    assert f'value="{percent}"' in page


def test_replay_without_times_is_shown(browser: Browser, answers: dict[str, Any]):
    began = {"ReplayStartTime": datetime.now(UTC)}
    answers["replays"] = [
        {"ReplayName": "rebuild-Sales-1", "State": "RUNNING"},
        {"ReplayName": "rebuild-Sales-2", "State": "COMPLETED", **began},
    ]

    page = browser.get("/views").text

    assert page.index("rebuild-Sales-2") < page.index("rebuild-Sales-1")
    assert 'value="0"' in page


def test_page_that_fails_says_so_and_keeps_the_guards_headers(
    browser: Browser, answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    answers["replays"] = [{"State": "RUNNING"}]

    answer = browser.get("/views")

    assert answer.status == 500
    assert "This page failed" in answer.text
    assert "KeyError: &#39;ReplayName&#39;" in answer.text
    assert "default-src" in str(answer.headers)
    assert "_replay" in capsys.readouterr().err


def test_part_that_may_not_be_read_leaves_the_others(
    browser: Browser, deployed: FakeDeployed, answers: dict[str, Any]
):
    refusal = raising(client_error("AccessDeniedException", "no logs for you"))
    deployed.clients["logs"] = fake_client({"filter_log_events": refusal})

    page = browser.get("/views").text

    assert "no logs for you" in page
    assert '<a href="/views/sales">' in page
