"""What each check of ``checks.deliveries`` must report."""

import json

from tests.templates import kinds
from tests.templates.breakages.common import Breakage, Case, change, first, grant
from tests.templates.checks import deliveries
from tests.templates.synthesis import Platform, Resource


def show_other_images(table: str, mapping: str, **streams: str) -> Breakage:
    """Change which images of rows a table's stream has."""

    def break_it(broken: Platform) -> Resource:
        given = next(r for r in broken.all(kinds.TABLE) if r.id.startswith(table))
        given.properties["StreamSpecification"] = streams
        return first(broken, kinds.MAPPING, mapping)

    return break_it


def filter_by(mapping: str, **pattern: object) -> Breakage:
    return change(
        kinds.MAPPING, mapping, FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]}
    )


def break_target(kind: str, containing: str, **retry: int) -> Breakage:
    """Change the retry policy of a rule's or a schedule's target."""

    def break_it(broken: Platform) -> Resource:
        resource = first(broken, kind, containing)
        own = resource.properties
        (own["Target"] if kind == kinds.SCHEDULE else own["Targets"][0])["RetryPolicy"] |= retry
        return resource

    return break_it


def forbid_delivery(role: str, rule: str, **changed: object) -> Breakage:
    """Change the only statement of the role with which EventBridge delivers."""

    def break_it(broken: Platform) -> Resource:
        grant(role, **changed)(broken)
        return first(broken, kinds.RULE, rule)

    return break_it


def forbid_scheduler(action: str) -> Breakage:
    """Take a right from the role with which Scheduler runs a job."""

    def break_it(broken: Platform) -> Resource:
        policy = next(r for r in broken.all(kinds.POLICY) if "ExpireOrdersScheduleRole" in r.id)
        document = policy.properties["PolicyDocument"]
        document["Statement"] = [s for s in document["Statement"] if s["Action"] != action]
        return next(r for r in broken.all(kinds.SCHEDULE) if "ExpireOrders" in r.id)

    return break_it


RELAY, BATCHES = "-Orders/RelayOutboxDynamoDBEventSource", "MoveUnits"
NEVER = {"MaximumRetryAttempts": 0}
A_MINUTE = {"MaximumEventAgeInSeconds": 60}

BREAKAGES: list[Case] = [
    *(
        (deliveries.relay_gets_every_change_with_both_images, break_it)
        for break_it in (
            show_other_images("Orders", RELAY, StreamViewType="NEW_IMAGE"),
            show_other_images("Orders", RELAY, StreamViewType="OLD_IMAGE"),
            show_other_images("Orders", RELAY),
            show_other_images("Reservations", BATCHES, StreamViewType="KEYS_ONLY"),
            filter_by(RELAY, eventName=["INSERT"]),
            filter_by(RELAY, eventName=["MODIFY"]),
            filter_by(RELAY, eventName=["INSERT", "MODIFY"], dynamodb={}),
            filter_by(BATCHES, eventName=["INSERT"]),
            change(kinds.MAPPING, RELAY, "FilterCriteria"),
            change(kinds.MAPPING, BATCHES, "FilterCriteria"),
        )
    ),
    *(
        (deliveries.stream_mapping_outlasts_an_outage_of_hours, change(kinds.MAPPING, name, **how))
        for name in (RELAY, BATCHES, "UpdateSales")
        for how in ({"MaximumRetryAttempts": 1}, {"MaximumRecordAgeInSeconds": 60})
    ),
    *(
        (deliveries.rule_delivers_for_a_day, break_target(kinds.RULE, "PickRule", **how))
        for how in (NEVER, A_MINUTE)
    ),
    *(
        (
            deliveries.asynchronous_event_is_retried_for_six_hours,
            change(kinds.INVOKE_CONFIG, name, **how),
        )
        for name, how in (
            ("NotifyCustomer", NEVER),
            ("NotifyCustomer", A_MINUTE),
            ("PublishOutbox", {"MaximumRetryAttempts": 2}),
            ("PublishOutbox", {"MaximumEventAgeInSeconds": 6 * 60 * 60}),
            ("HoldOrder", {"FunctionName": {"Ref": "Nothing"}}),
        )
    ),
    *(
        (
            deliveries.scheduled_run_is_tried_until_the_next,
            break_target(kinds.SCHEDULE, "ExpireOrders", **how),
        )
        for how in (NEVER, A_MINUTE)
    ),
    (
        deliveries.scheduled_run_is_tried_until_the_next,
        change(kinds.SCHEDULE, "ExpireOrders", State="DISABLED"),
    ),
    *(
        (deliveries.scheduler_may_invoke_and_dead_letter, forbid_scheduler(action))
        for action in ("lambda:InvokeFunction", "sqs:SendMessage")
    ),
    *(
        (deliveries.rule_may_deliver_to_its_target, break_it)
        for break_it in (
            forbid_delivery("AlertOrderHeld", "AlertOrderHeld", Action="sns:GetTopicAttributes"),
            forbid_delivery("FulfilmentMachineEvents", "StartFulfil", Resource={"Ref": "Other"}),
        )
    ),
]
