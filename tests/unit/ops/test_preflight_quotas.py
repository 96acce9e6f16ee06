"""Quotas must hold what is deployed in addition."""

from typing import Any

import pytest

from ops.preflight import quotas
from ops.preflight.findings import Preflight, Verdict
from tests.unit.ops.account_fakes import answering, fake_client, preflight, template
from tests.unit.ops.preflight_templates import FINE, NOTE, STOP, WORKERS, found, function, texts


@pytest.mark.parametrize(
    ("total", "unreserved", "there", "verdict"),
    [
        (10, 10, 0, STOP),
        (1_000, 129, 0, STOP),
        (1_000, 130, 0, FINE),
        (1_000, 100, 30, FINE),
        (1_000, 100, 20, STOP),
    ],
)
def test_concurrency_must_leave_a_hundred_after_what_is_reserved_in_addition(
    total: int, unreserved: int, there: int, verdict: Verdict
):
    limit = {"ConcurrentExecutions": total, "UnreservedConcurrentExecutions": unreserved}
    of = preflight(
        wanted={"Orders-Dev-A": template(F=function(30))},
        there={"Orders-Dev-A": template(F=function(there))},
        **{"lambda": fake_client(get_account_settings=answering(AccountLimit=limit))},
    )

    assert found(quotas.check_concurrency, of) == [verdict]


def test_small_concurrency_is_noted_where_nothing_is_reserved():
    limit = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}
    client = fake_client(get_account_settings=answering(AccountLimit=limit))
    of = preflight(wanted={"Orders-Dev-A": template(F=function())}, **{"lambda": client})

    assert found(quotas.check_concurrency, of) == [NOTE]


def instance(type: str = "t4g.micro", *, group: str = "", **more: Any) -> Any:
    tags = [{"Key": "aws:autoscaling:groupName", "Value": group}]
    cpu = {"CoreCount": 1, "ThreadsPerCore": 2}
    return {"InstanceType": type, "CpuOptions": cpu, "Tags": tags, **more}


def with_vcpus(quota: int, *instances: Any) -> Preflight:
    types = [{"VCpuInfo": {"DefaultVCpus": 2}}]
    return preflight(
        wanted={"Orders-Prod-Warehouse": WORKERS},
        ec2=fake_client(
            {"describe_instances": [{"Reservations": [{"Instances": list(instances)}]}]},
            describe_instance_types=answering(InstanceTypes=types),
        ),
        **{
            "service-quotas": fake_client(
                get_service_quota=answering(Quota={"Value": float(quota)})
            )
        },
    )


@pytest.mark.parametrize(("quota", "verdict"), [(5, STOP), (6, NOTE), (21, NOTE), (22, FINE)])
def test_vcpus_must_suffice_for_the_group_and_a_rolling_update(quota: int, verdict: Verdict):
    assert found(quotas.check_instances, with_vcpus(quota)) == [verdict]


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (instance(group="Orders-Dev-Warehouse"), STOP),
        (instance("m7g.medium"), STOP),
        (instance(group="Orders-Prod-Warehouse"), NOTE),
        (instance(InstanceLifecycle="spot"), NOTE),
        (instance("g5.xlarge"), NOTE),
    ],
)
def test_vcpus_of_other_instances_are_not_there_for_the_group(other: Any, verdict: Verdict):
    of = with_vcpus(7, other)

    assert found(quotas.check_instances, of) == [verdict]
    if verdict is STOP:
        said = texts(quotas.check_instances, of, STOP)
        assert "use 2, and the workers need 6 while an update replaces them" in said


@pytest.mark.parametrize(("limit", "verdict"), [(2, STOP), (3, FINE)])
def test_quota_of_stacks_must_hold_those_that_are_new(limit: int, verdict: Verdict):
    of = preflight(
        wanted={"Orders-Dev-A": template()},
        cloudformation=fake_client(
            {"describe_stacks": [{"Stacks": [{}, {}]}]},
            describe_account_limits=answering(
                AccountLimits=[{"Name": "StackLimit", "Value": limit}]
            ),
        ),
    )

    assert found(quotas.check_stack_quota, of) == [verdict]


@pytest.mark.parametrize(("clusters", "verdict"), [(19, FINE), (20, NOTE)])
def test_quota_of_clusters_is_noted_before_it_is_exceeded(clusters: int, verdict: Verdict):
    pages: Any = {"list_clusters": [{"clusters": [{}] * clusters}]}
    of = preflight(wanted={"Orders-Dev-A": template("AWS::DSQL::Cluster")}, dsql=fake_client(pages))

    assert found(quotas.check_clusters, of) == [verdict]
