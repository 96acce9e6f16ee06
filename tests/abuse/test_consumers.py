"""Each consumer of the templates under generated and mutated records, together with good ones.

The records are those that the platform itself delivered, changed. `make abuse EXAMPLES=10000` runs
many examples, other ones each time.
"""

import builtins
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.codec import ContractError
from tests.abuse.conftest import EXAMPLES
from tests.support.abuse_inputs import NOT_JSON, attribute, mutations, plain
from tests.support.abuse_platform import AbusedPlatform, consumer_names
from tests.support.in_process_consumers import Consumer
from tests.support.source_records import BATCHED, DESTINATION, RULE, SCHEDULE, TABLE, wrapped

BUILT_IN = {name for name in dir(builtins) if name.endswith(("Error", "Exception"))}
"""What Python raises when code meets data that it does not expect: no reason for people."""
UNCLEAR = {*BUILT_IN, "ClientError", "ParamValidationError", "DatabaseError", "InterfaceError"}


@st.composite
def changed(draw: st.DrawFn, platform: AbusedPlatform, consumer: Consumer, content: Any) -> Any:
    """A record's content with changes, as its source may deliver it."""
    keys = platform.here.keys.get(consumer.source, [])
    if consumer.kind == TABLE:
        image = draw(st.sampled_from([n for n in ("before", "after") if content[n]]))
        row = {name: plain(value) for name, value in content[image].items()}
        new = {name: attribute(value) for name, value in draw(mutations(row)).items()}
        # DynamoDB sees to it that a row has its key.
        kept = {name: content[image][name] for name in keys}
        return {**content, image: new | kept}
    if consumer.kind in BATCHED and draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from(NOT_JSON))
    below = {RULE: ("detail",), DESTINATION: ("responsePayload",)}.get(consumer.kind, ())
    return draw(mutations(content, below=below))


def test_each_consumer_gets_records_that_can_be_changed(platform: AbusedPlatform):
    delivered = {name for name, contents in platform.consumers.delivered.items() if contents}

    assert {str(each) for each in platform.consumers.all} == delivered
    assert delivered == set(consumer_names(*BATCHED, RULE, DESTINATION, SCHEDULE))


@pytest.mark.parametrize("name", consumer_names(*BATCHED))
def test_bad_record_is_dead_lettered_alone_and_the_others_are_processed(
    platform: AbusedPlatform, name: str
):
    here, consumer = platform.here, platform.consumers.named(name)
    samples = platform.consumers.delivered[name]
    dead_lettered: Counter[int] = Counter()
    effects: set[bool] = set()

    @EXAMPLES
    @given(st.data())
    def process(data: st.DataObject) -> None:
        good = data.draw(st.lists(st.sampled_from(samples), min_size=1, max_size=3))
        bad = data.draw(changed(platform, consumer, data.draw(st.sampled_from(samples))))
        contents = data.draw(st.permutations([*good, bad]))
        event = wrapped(consumer.kind, contents)
        is_new = data.draw(st.booleans())

        dead = dead_letters(platform, consumer, event, is_new=is_new)

        dead_lettered[len(dead)] += 1
        together = here.trace()
        records = event["Records"]
        left = [each for each in records if json.dumps(each) not in dead]
        assert len(left) == len(records) - len(dead)
        assert all(r in left for r, each in zip(records, contents, strict=True) if each is not bad)
        assert dead_letters(platform, consumer, {"Records": left}, is_new=is_new) == {}
        alone = here.trace()
        here.restore(without_rows=is_new)
        effects.add(alone != here.trace())
        assert together.tables == alone.tables
        assert [each for each in together.sent if each[1] != "send_message"] == alone.sent

    process()

    assert dead_lettered[1], "no record was bad"
    assert True in effects, "good records had no effect"


def dead_letters(
    platform: AbusedPlatform, consumer: Consumer, event: Any, *, is_new: bool
) -> dict[str, str]:
    """Invoke a consumer with a batch; return the reasons of the records that it dead-lettered.

    If the records are new, no row is there. Nothing else is wrong than the records: none may be
    delivered again.
    """
    platform.here.restore(without_rows=is_new)
    outcome = consumer.invoke(event)
    assert not outcome.error, outcome
    assert outcome.payload == {"batchItemFailures": []}
    found = {}
    for _, operation, request in platform.here.sent:
        if operation != "send_message":
            continue
        body = request["MessageBody"]
        if "MessageAttributes" in request:
            (record,) = [r for r in event["Records"] if is_of(request, r)]
            reason = request["MessageAttributes"]["reason"]["StringValue"]
        else:
            record, reason = json.loads(body)["record"], json.loads(body)["reason"]
        assert is_clear(reason), reason
        assert json.dumps(record) not in found
        found[json.dumps(record)] = reason
    return found


def is_of(request: Any, record: Any) -> bool:
    """Whether a message of a dead-letter queue is this record."""
    attributes = record["attributes"]
    own = request.get("id") or request["MessageDeduplicationId"]
    return own in (record["messageId"], attributes["MessageDeduplicationId"])


def is_clear(reason: str) -> bool:
    """Whether a reason says what is wrong, in at most a screen, and nothing of our code."""
    kind = reason.partition(":")[0]
    return 3 < len(reason) <= 2_000 and kind not in UNCLEAR and "Traceback" not in reason


@pytest.mark.parametrize("name", consumer_names(RULE, DESTINATION, SCHEDULE))
def test_bad_event_fails_with_its_reason_and_leaves_no_trace(platform: AbusedPlatform, name: str):
    here, consumer = platform.here, platform.consumers.named(name)
    outcomes: Counter[str] = Counter()

    @EXAMPLES
    @given(st.data())
    def process(data: st.DataObject) -> None:
        content = data.draw(st.sampled_from(platform.consumers.delivered[name]))
        event = data.draw(changed(platform, consumer, content))
        here.restore()
        before = here.trace()

        outcome = consumer.invoke(event)

        outcomes[outcome.error] += 1
        assert not outcome.error or is_clear(f"{outcome.error}: {outcome.message}")
        assert not outcome.error or here.trace() == before

    process()

    assert outcomes[ContractError.__name__] or outcomes[""], outcomes
