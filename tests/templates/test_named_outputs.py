"""The outputs by which the operator's command and the demo find what is deployed."""

import re

from ops.orders.collect import ORDER_TABLES
from stacks.names import stack_name
from tests.templates.synthesis import ROOT, platform

OF_STACK = re.compile(r'outputs\("(\w+)"\)\["(\w+)"\]')
OF_SOME_STACK = re.compile(r'outputs(?:\(\))?\["(\w+)"\]')


def code_of(*folders: str) -> str:
    return "".join(path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py"))


def test_every_output_that_is_asked_for_is_declared():
    code, stacks = code_of("ops", "demo"), code_of("stacks")
    declared = {
        (stack, output)
        for stack, template in platform("dev").templates.items()
        for output in template.get("Outputs", {})
    }
    asked = {*OF_STACK.findall(code), *ORDER_TABLES.values()}
    assert len(asked) > len(ORDER_TABLES)

    assert {(stack_name("dev", stack), output) for stack, output in asked} <= declared
    names = {output for _, output in declared}
    # Some are declared only with a setting.
    undeclared = [
        name
        for name in OF_SOME_STACK.findall(code)
        if name not in names and f'"{name}"' not in stacks
    ]
    assert undeclared == []
