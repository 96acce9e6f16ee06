"""What each check of ``checks.functions`` must report."""

from tests.templates import kinds
from tests.templates.breakages.common import Breakage, Case, change
from tests.templates.checks import functions
from tests.templates.synthesis import Platform, Resource


def change_schedule(*gone: str) -> Breakage:
    def break_it(broken: Platform) -> Resource:
        schedule = next(broken.all(kinds.SCHEDULE))
        for name in gone:
            schedule.properties["Target"].pop(name)
        return schedule

    return break_it


def remove_schedule_failure_destination(broken: Platform) -> Resource:
    schedule = next(broken.all(kinds.SCHEDULE))
    (config,) = (c for c in broken.all(kinds.INVOKE_CONFIG) if c.stack == schedule.stack)
    config.properties["DestinationConfig"] = {}
    return schedule


def share(name: str) -> Breakage:
    """Let two functions have one role or log group."""

    def break_it(broken: Platform) -> Resource:
        first, second = (broken.one(kinds.FUNCTION, id) for id in ("PlaceOrder", "GetOrder"))
        second.properties[name] = first.properties[name]
        return second

    return break_it


def remove_failure_destination(function: str) -> Breakage:
    """Leave what becomes of a function's failures to the default."""

    def break_it(broken: Platform) -> Resource:
        config = broken.one(kinds.INVOKE_CONFIG, function)
        config.properties["DestinationConfig"].pop("OnFailure")
        return broken.one(kinds.FUNCTION, function)

    return break_it


def send_failures_to_fifo(broken: Platform) -> Resource:
    broken.one(kinds.QUEUE, "NotifyCustomerFailureRecords").properties["FifoQueue"] = True
    return broken.one(kinds.INVOKE_CONFIG, "NotifyCustomer")


BREAKAGES: list[Case] = [
    (
        functions.function_has_own_role_and_log_group,
        change(kinds.FUNCTION, Architectures=["x86_64"]),
    ),
    (functions.function_has_own_role_and_log_group, change(kinds.FUNCTION, Runtime="python3.9")),
    (
        functions.function_is_traced_if_a_route_invokes_it,
        change(kinds.FUNCTION, "PlaceOrder", "TracingConfig"),
    ),
    (
        functions.function_is_traced_if_a_route_invokes_it,
        change(kinds.FUNCTION, "TakePayment", TracingConfig={"Mode": "Active"}),
    ),
    (functions.function_has_own_role_and_log_group, change(kinds.FUNCTION, "", "Timeout")),
    (functions.function_has_own_role_and_log_group, change(kinds.FUNCTION, "", "MemorySize")),
    (functions.function_has_own_role_and_log_group, change(kinds.FUNCTION, "", "LoggingConfig")),
    (functions.function_has_own_role_and_log_group, share("Role")),
    (functions.function_has_own_role_and_log_group, share("LoggingConfig")),
    (
        functions.function_has_all_its_settings,
        change(kinds.FUNCTION, "GetOrder", "Environment"),
    ),
    *(
        (functions.schedule_has_retries_and_dead_letter_queue, change_schedule(name))
        for name in ("DeadLetterConfig", "RetryPolicy")
    ),
    (
        functions.schedule_has_retries_and_dead_letter_queue,
        change(kinds.SCHEDULE, FlexibleTimeWindow={"Mode": "OFF"}),
    ),
    (functions.schedule_has_retries_and_dead_letter_queue, remove_schedule_failure_destination),
    (
        functions.function_of_a_rule_has_failure_destination,
        remove_failure_destination("NotifyCustomer"),
    ),
    (
        functions.function_of_a_destination_has_failure_destination,
        remove_failure_destination("NotifyCustomer"),
    ),
    (functions.function_of_a_destination_has_failure_destination, send_failures_to_fifo),
    (
        functions.async_function_keeps_failed_events_in_a_queue,
        change(kinds.FUNCTION, "IssueInvoice", "DeadLetterConfig"),
    ),
]
