"""Templates that the preflight looks at, and what a check finds in them."""

from typing import Any

from ops.preflight.findings import Check, Preflight, Verdict
from tests.unit.ops.account_fakes import template

FINE, NOTE, STOP = Verdict.FINE, Verdict.NOTE, Verdict.STOP
QUEUE = {"Type": "AWS::SQS::Queue"}
ALARMED = {
    "Type": "AWS::Lambda::Function",
    "Properties": {"DeadLetterConfig": {"TargetArn": {"Fn::GetAtt": ["Dead12345678", "Arn"]}}},
}
TABLE = {"Type": "AWS::DynamoDB::GlobalTable"}
IDENTITY = "AWS::SES::EmailIdentity"


def function(reserved: int = 0) -> Any:
    more = {"ReservedConcurrentExecutions": reserved} if reserved else {}
    properties = {"Runtime": "python3.13", "Architectures": ["arm64"], **more}
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


WORKERS = template(
    Template={
        "Type": "AWS::EC2::LaunchTemplate",
        "Properties": {"LaunchTemplateData": {"InstanceType": "t4g.micro"}},
    },
    Group={
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "Properties": {
            "MinSize": "2",
            "MaxSize": "10",
            "AutoScalingGroupName": "Orders-Prod-Warehouse",
        },
    },
)


def found(check: Check, of: Preflight) -> list[Verdict]:
    return [finding.verdict for finding in check(of)]


def texts(check: Check, of: Preflight, verdict: Verdict) -> str:
    return "\n".join(finding.text for finding in check(of) if finding.verdict is verdict)
