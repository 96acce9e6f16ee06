"""What an instance of workers may do; registered with the other checks of workers."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.templates.checks.common import as_list, policies_of, statements
from tests.templates.checks.rights import WILDCARDS
from tests.templates.synthesis import Platform, Resource
from tests.templates.worker_checks import GROUP, check, data, launched_by, role_of

COMMAND = re.compile(r"^aws (?P<service>s3|logs|autoscaling) (?P<operation>[a-z-]+)", re.MULTILINE)
FETCHED = re.compile(r"/(\w+\.zip) /tmp/")


@check
def instance_may_do_what_its_user_data_does(platform: Platform) -> Iterator[str]:
    for group in platform.all(GROUP):
        template = launched_by(platform, group)
        script = json.dumps(data(template)["UserData"]).replace("\\n", "\n")
        granted = _granted(platform, template)
        for service, operation in sorted(set(COMMAND.findall(script))):
            name = "get-object" if service == "s3" else operation
            action = f"{service}:{name.title().replace('-', '')}"
            if action not in granted:
                yield f"{group}: its instances may not {action}"
        for name in FETCHED.findall(script):
            if name not in json.dumps(granted.get("s3:GetObject")):
                yield f"{group}: its instances may not fetch {name}"


@check
def people_reach_instances_by_session_manager(platform: Platform) -> Iterator[str]:
    for group in platform.all(GROUP):
        missing = (
            WILDCARDS["ec2.amazonaws.com"] - _granted(platform, launched_by(platform, group)).keys()
        )
        if missing:
            yield f"{group}: its instances may not {', '.join(sorted(missing))}"


def _granted(platform: Platform, template: Resource) -> dict[str, list[Any]]:
    """Return what instances may do: actions, each with its resources."""
    role = role_of(platform, template)
    found: dict[str, list[Any]] = {}
    for policy in policies_of(platform, role) if role else ():
        for statement in statements(policy):
            for action in as_list(statement["Action"]):
                found.setdefault(action, []).extend(as_list(statement["Resource"]))
    return found
