"""Deliveries to all consumers in this process, and the sagas that events start."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from simulation.functions import Done, Outcome
from simulation.machines import Machine, update_item
from simulation.patterns import matches
from tests.support.in_process_consumers import Consumer, Consumers
from tests.support.lived_platform import COMMAND, SAGA, LivedPlatform, Play
from tests.support.source_records import DESTINATION

LONGEST = 3_600
"""How many seconds a saga may take."""


class LivedConsumers(Consumers):
    """All consumers and sagas of a platform that keeps each invocation."""

    def __init__(self, here: LivedPlatform) -> None:
        """Find them; ``here`` has to be installed."""
        super().__init__(here)
        self._lived = here
        self.deaf: set[str] = set()
        """Consumers to which nothing is delivered now."""
        self.failing: dict[str, str] = {}
        """The functions that fail now when a saga calls them, and their errors."""
        self._machines = {
            each.name: Machine(
                each.name,
                json.loads(each.properties["DefinitionString"]),
                express=False,
                tasks={
                    "arn:aws:states:::dynamodb:updateItem": update_item(self._lived.tables),
                    "arn:aws:states:::lambda:invoke": self._call,
                    "arn:aws:states:::sqs:sendMessage": lambda _, done: done(Outcome(payload={})),
                },
                kernel=here.kernel,
                chance=here._chance,
                note=lambda *_: None,
            )
            for each in here.templates.all("AWS::StepFunctions::StateMachine")
        }

    def publish(self, event: Mapping[str, Any]) -> None:
        """Deliver an event of the bus, and play the sagas that it starts."""
        super().publish(event)
        for rule in self._lived.templates.all("AWS::Events::Rule"):
            for target in rule.properties["Targets"]:
                machine = self._machines.get(target["Arn"])
                if machine and matches(rule.properties["EventPattern"], event):
                    self._execute(machine, event["detail"])

    def deliver(self, consumer: Consumer, content: Any) -> Outcome:
        """Invoke a consumer with one content; its successes reach its destination."""
        if str(consumer) in self.deaf:
            return Outcome()
        outcome = self._lived.play(consumer.name, consumer.kind, content, consumer=consumer)
        for other in self.all:
            if other.kind == DESTINATION and other.source == consumer.name:
                record = {"requestPayload": content, "responsePayload": outcome.payload}
                self.deliver(other, record)
        return outcome

    def _execute(self, machine: Machine, detail: Any) -> None:
        def invoke(event: Any) -> Outcome:
            machine.start(event)
            execution, kernel = machine.executions[-1], self._lived.kernel
            kernel.run(until=kernel.now + LONGEST, stop=lambda: execution.status != "RUNNING")
            # A failed execution has an alarm.
            return Outcome(error=TimeoutError.__name__ if execution.status == "RUNNING" else "")

        keep = self._lived.keeping(
            Play(reader=machine.short, kind=SAGA, content=detail, invoke=invoke, state=None)
        )
        keep(invoke(detail))

    def _call(self, arguments: Mapping[str, Any], done: Done) -> None:
        function = self._lived.functions[arguments["FunctionName"]]
        if error := self.failing.get(function.short):
            done(Outcome(error=error, message=json.dumps({"errorMessage": "it fails"})))
            return
        keep = self._lived.keeping(
            Play(
                reader=function.short,
                kind=COMMAND,
                content=arguments["Payload"],
                invoke=partial(self._lived.call_function, function.short),
                state=None,
            )
        )

        def ended(outcome: Outcome) -> None:
            keep(outcome)
            if outcome.error:
                cause = {"errorType": outcome.error, "errorMessage": outcome.message}
                done(Outcome(error=outcome.error, message=json.dumps(cause)))
            else:
                done(Outcome(payload={"Payload": outcome.payload}))

        function._idle.clear()
        function.invoke(arguments["Payload"], ended)
