"""Functions, and where their asynchronous invocations end."""

from collections.abc import Iterator

from tests.templates.checks.code import settings_read
from tests.templates.checks.common import check, is_fifo
from tests.templates.kinds import (
    FUNCTION,
    INVOKE_CONFIG,
    MACHINE,
    PERMISSION,
    QUEUE,
    RULE,
    SCHEDULE,
)
from tests.templates.synthesis import Platform, Resource


@check
def function_has_own_role_and_log_group(platform: Platform) -> Iterator[str]:
    roles: dict[str, str] = {}
    groups: dict[str, str] = {}
    for function in platform.all(FUNCTION):
        wanted = {
            "Architectures": ["arm64"],
            "Runtime": "python3.13",
        }
        for name, value in wanted.items():
            if function.properties.get(name) != value:
                yield f"{function}: {name} is {function.properties.get(name)}"
        for name in ("Timeout", "MemorySize"):
            if name not in function.properties:
                yield f"{function}: {name} is left to the default"
        role = platform.referred(function.stack, function.properties["Role"])
        group = platform.referred(
            function.stack, function.properties.get("LoggingConfig", {}).get("LogGroup")
        )
        for what, own, taken in (("role", role, roles), ("log group", group, groups)):
            if own is None or own.stack != function.stack:
                yield f"{function}: it has no {what} of its own"
            elif taken.setdefault(str(own), str(function)) != str(function):
                yield f"{function}: it shares its {what} with {taken[str(own)]}"


@check
def function_is_traced_if_a_route_invokes_it(platform: Platform) -> Iterator[str]:
    """A trace costs as much as 25 invocations, and each function of its own begins one."""
    entries = {
        str(platform.referred(permission.stack, permission.properties["FunctionName"]))
        for permission in platform.all(PERMISSION)
        if permission.properties["Principal"] == "apigateway.amazonaws.com"
    }
    for function in platform.all(FUNCTION):
        traced = "TracingConfig" in function.properties
        if traced is not (platform.environment.traced and str(function) in entries):
            wrong = "it is traced, and no route invokes it" if traced else "it is not traced"
            yield f"{function}: {wrong} (entry=True of ServiceFunction)"
    for machine in platform.all(MACHINE):
        if machine.properties.get("TracingConfiguration", {}).get("Enabled"):
            yield f"{machine}: it is traced"


@check
def function_has_all_its_settings(platform: Platform) -> Iterator[str]:
    for function in platform.all(FUNCTION):
        given = set(function.properties.get("Environment", {}).get("Variables", {}))
        asked = settings_read(function.properties["Handler"])
        if asked - given:
            yield f"{function}: it is not given {', '.join(sorted(asked - given))}"


@check
def schedule_has_retries_and_dead_letter_queue(platform: Platform) -> Iterator[str]:
    """Scheduler invokes functions asynchronously: Scheduler and Lambda may both give up."""
    for schedule in platform.all(SCHEDULE):
        target = schedule.properties["Target"]
        queue = target.get("DeadLetterConfig", {}).get("Arn")
        if platform.referred(schedule.stack, queue) is None:
            yield f"{schedule}: an invocation that Scheduler could not make is lost"
        if {"MaximumEventAgeInSeconds", "MaximumRetryAttempts"} - target.get(
            "RetryPolicy", {}
        ).keys():
            yield f"{schedule}: retries are not bounded"
        if schedule.properties["FlexibleTimeWindow"]["Mode"] != "FLEXIBLE":
            yield f"{schedule}: it fires at the full minute, like all others"
        function = platform.referred(schedule.stack, target["Arn"])
        configs = [
            config.properties
            for config in platform.all(INVOKE_CONFIG)
            if platform.referred(config.stack, config.properties["FunctionName"]) == function
        ]
        if not any(
            {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"} <= config.keys()
            and "OnFailure" in config.get("DestinationConfig", {})
            for config in configs
        ):
            yield f"{schedule}: a failed run of its function is lost"


@check
def function_of_a_rule_has_failure_destination(platform: Platform) -> Iterator[str]:
    """EventBridge invokes functions asynchronously, so Lambda may give up on the event."""
    for rule in platform.all(RULE):
        for target in rule.properties["Targets"]:
            function = platform.referred(rule.stack, target["Arn"])
            if function is not None and function.kind == FUNCTION:
                yield from _without_failure_destination(platform, function)


@check
def function_of_a_destination_has_failure_destination(platform: Platform) -> Iterator[str]:
    for config in platform.all(INVOKE_CONFIG):
        for destination in config.properties["DestinationConfig"].values():
            called = platform.referred(config.stack, destination["Destination"])
            if called is not None and called.kind == FUNCTION:
                yield from _without_failure_destination(platform, called)
            if called is not None and is_fifo(called):
                yield f"{config}: a Lambda destination cannot be FIFO, {called.id} is"


def _without_failure_destination(platform: Platform, function: Resource) -> Iterator[str]:
    configs = [
        config.properties
        for config in platform.all(INVOKE_CONFIG)
        if platform.referred(config.stack, config.properties["FunctionName"]) == function
    ]
    if not any(
        {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"} <= config.keys()
        and "OnFailure" in config["DestinationConfig"]
        for config in configs
    ):
        yield f"{function}: events that it fails on are lost"


@check
def async_function_keeps_failed_events_in_a_queue(platform: Platform) -> Iterator[str]:
    """A message of a topic cannot be redriven: failed events must also be in a queue."""
    for config in platform.all(INVOKE_CONFIG):
        function = platform.referred(config.stack, config.properties["FunctionName"])
        failure = config.properties["DestinationConfig"].get("OnFailure", {}).get("Destination")
        retained = function and function.properties.get("DeadLetterConfig", {}).get("TargetArn")
        places = [platform.referred(config.stack, place) for place in (failure, retained)]
        if not any(place is not None and place.kind == QUEUE for place in places):
            yield f"{function}: events that it fails on are in no queue"
