"""What an account and a region must have before anything is deployed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from ops.preflight import account, state
from ops.preflight.findings import Verdict
from tests.unit.ops.account_fakes import (
    answering,
    client_error,
    fake_client,
    preflight,
    raising,
    template,
)
from tests.unit.ops.preflight_templates import FINE, NOTE, STOP, WORKERS, found, function, texts


@pytest.mark.parametrize(
    ("parameters", "verdict"),
    [([], STOP), ([{"Value": "5"}], STOP), ([{"Value": "6"}], FINE), ([{"Value": "30"}], FINE)],
)
def test_bootstrap_stack_must_have_the_version_that_the_assembly_requires(
    tmp_path: Path, parameters: Any, verdict: Verdict
):
    artifact = {"properties": {"requiresBootstrapStackVersion": 6}}
    other = {"properties": {"requiresBootstrapStackVersion": 99}}
    (tmp_path / "manifest.json").write_text(
        json.dumps({"artifacts": {"Orders-Dev-A": artifact, "Orders-Prod-A": other, "Tree": {}}})
    )
    ssm = fake_client(get_parameters=answering(Parameters=parameters))
    of = preflight(wanted={"Orders-Dev-A": template()}, assembly=tmp_path, ssm=ssm)

    assert found(account.check_bootstrap, of) == [verdict]
    if verdict is STOP:
        said = texts(account.check_bootstrap, of, STOP)
        assert "npx cdk bootstrap aws://123456789012/eu-west-1" in said


def test_region_without_dsql_runtime_or_instance_type_stops():
    of = preflight(
        wanted={"Orders-Dev-A": template(F=function()), "Orders-Dev-B": WORKERS},
        dsql=fake_client(list_clusters=raising(EndpointConnectionError(endpoint_url="x"))),
        ec2=fake_client(describe_instance_type_offerings=answering(InstanceTypeOfferings=[])),
        **{"lambda": fake_client(list_layers=raising(client_error("ValidationException")))},
    )

    assert found(account.check_region, of) == [STOP, STOP, STOP]
    assert "python3.13 on arm64" in texts(account.check_region, of, STOP)


def subnet(place: int) -> Any:
    zone = {"Fn::Select": [place, {"Fn::GetAZs": ""}]}
    return {"Type": "AWS::EC2::Subnet", "Properties": {"AvailabilityZone": zone}}


@pytest.mark.parametrize(
    ("offered", "defaults", "verdict", "said"),
    [
        ("ab", "abc", FINE, "EC2 has t4g.micro"),
        ("bc", "abc", NOTE, "no t4g.micro in a: all instances are in the other Zone"),
        ("cd", "abc", STOP, "no t4g.micro in a and b, where the subnets would be"),
        ("bc", "bc", FINE, "EC2 has t4g.micro"),
        ("bc", "", NOTE, "no t4g.micro in a"),
    ],
)
def test_zones_of_the_subnets_must_have_the_instance_type(
    offered: str, defaults: str, verdict: Verdict, said: str
):
    ec2 = fake_client(
        describe_instance_type_offerings=answering(
            InstanceTypeOfferings=[{"Location": zone} for zone in offered]
        ),
        describe_subnets=answering(Subnets=[{"AvailabilityZone": zone} for zone in defaults]),
        describe_availability_zones=answering(
            AvailabilityZones=[{"ZoneName": zone} for zone in "cba"]
        ),
    )
    network = template(A=subnet(0), B=subnet(1))
    of = preflight(
        wanted={"Orders-Dev-A": network, "Orders-Dev-B": WORKERS},
        dsql=fake_client(list_clusters=answering(clusters=[])),
        ec2=ec2,
    )

    assert said in texts(account.check_region, of, verdict)


def test_region_with_all_that_is_needed_is_fine():
    of = preflight(
        wanted={"Orders-Dev-A": template(F=function()), "Orders-Dev-B": WORKERS},
        dsql=fake_client(list_clusters=answering(clusters=[])),
        ec2=fake_client(
            describe_instance_type_offerings=answering(InstanceTypeOfferings=[{"Location": "a"}]),
            describe_subnets=answering(Subnets=[{"AvailabilityZone": "a"}]),
        ),
        **{"lambda": fake_client(list_layers=answering(Layers=[]))},
    )

    assert found(account.check_region, of) == [FINE, FINE, FINE]


def test_costs_at_rest_are_those_of_the_page():
    (finding,) = state.check_costs(preflight())

    assert finding.verdict is FINE
    assert re.fullmatch(
        r"without orders it costs some \d\d USD a month \(docs/costs.md\)", finding.text
    )


def test_environment_whose_costs_no_page_says_is_noted(monkeypatch: pytest.MonkeyPatch):
    of = preflight()
    monkeypatch.setattr(of.deployed, "environment", "staging")

    (finding,) = state.check_costs(of)

    assert finding.verdict is NOTE
    assert finding.text == "docs/costs.md does not say what staging costs without orders"
