"""Tests that the operator's page has a row for each dead-letter queue and each scheduled job."""

import re

from stacks.names import service_of
from tests.templates.synthesis import ROOT, platform

ROW = re.compile(r"^\| (`.+?) \| .+ \| .+ \|$", re.MULTILINE)
NAMES = re.compile(r"((?:`[\w…]+`(?:, )?)+) \((.+?)\)")

RATE = re.compile(r"rate\((?:1 )?(.+)\)")
JOB = re.compile(r"^\| `(\w+)…` \| (\w+) \| (\d* ?minutes?) \| .+ \|$", re.MULTILINE)


def test_operations_page_covers_every_dead_letter_queue():
    described = {
        (service, name)
        for row in ROW.findall((ROOT / "docs" / "operations.md").read_text())
        for names, services in NAMES.findall(row)
        for name in re.findall(r"`(.+?)`", names)
        for service in services.split(", ")
    }
    queues = {
        (service_of(stack), logical_id[:-8])
        for stack, template in platform("dev").templates.items()
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::SQS::Queue"
        and "RedrivePolicy" not in resource.get("Properties", {})
    }

    def same(described: tuple[str, str], queue: tuple[str, str]) -> bool:
        pattern = described[1].replace("…", r"\w*")
        return described[0] == queue[0] and re.fullmatch(pattern, queue[1]) is not None

    missing = [queue for queue in queues if not any(same(each, queue) for each in described)]
    assert missing == [], "give each dead-letter queue a row in docs/operations.md"
    gone = [each for each in described if not any(same(each, queue) for queue in queues)]
    assert gone == [], "take what is gone out of its row in docs/operations.md"


def test_operations_page_lists_every_scheduled_job_and_how_often_it_runs():
    page = (ROOT / "docs" / "operations.md").read_text()
    described = {(service, name, every) for name, service, every in JOB.findall(page)}
    jobs = {
        (
            service_of(schedule.stack),
            schedule.properties["Target"]["Arn"]["Fn::GetAtt"][0][:-8],
            RATE.sub(r"\1", schedule.properties["ScheduleExpression"]),
        )
        for schedule in platform("dev").all("AWS::Scheduler::Schedule")
    }
    assert jobs - described == set(), "give each scheduled job a row in docs/operations.md"
    assert described - jobs == set(), "take what is gone out of docs/operations.md"
