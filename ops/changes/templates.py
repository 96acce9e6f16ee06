"""The parts of templates that are compared: enough to see what an update would replace."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Template = Mapping[str, Any]

REPLACING: Mapping[str, list[str]] = json.loads(
    (Path(__file__).parent / "replacing_properties.json").read_text()
)
"""By type, the properties whose change makes CloudFormation replace the resource, or may.

Of CloudFormation's schemas: `tools/replacing_properties.py`.
"""
INDEXES = "GlobalSecondaryIndexes"
COMPARED: Mapping[str, tuple[str, ...]] = {
    "AWS::DynamoDB::GlobalTable": (INDEXES,),
    "AWS::DynamoDB::Table": (INDEXES,),
    "AWS::SQS::QueuePolicy": ("Queues",),
    "AWS::SNS::TopicPolicy": ("Topics",),
}
"""Other properties that are compared."""
UNIMPORTANT = {
    "AWS::CDK::Metadata",
    "AWS::CloudWatch::Alarm",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
}
"""Types whose new resource does what the old one did, before that one goes."""


def reduce_template(template: Template) -> Template:
    """Return a template with only the parts that are compared."""
    return {
        "Resources": {
            id: _reduced(declaration)
            for id, declaration in template["Resources"].items()
            if declaration["Type"] not in UNIMPORTANT
        }
    }


def compared_properties(declaration: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties of a resource that are compared."""
    kind = declaration["Type"]
    wanted = {*REPLACING.get(kind, ()), *COMPARED.get(kind, ())}
    properties = declaration.get("Properties", {})
    return {name: value for name, value in properties.items() if name in wanted}


def _reduced(declaration: Mapping[str, Any]) -> Mapping[str, Any]:
    policies = ("DeletionPolicy", "UpdateReplacePolicy")
    return {
        "Type": declaration["Type"],
        **{name: declaration[name] for name in policies if name in declaration},
        "Properties": compared_properties(declaration),
    }
