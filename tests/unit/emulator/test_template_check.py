import json
from typing import Any

import pytest

from emulator.cloud import CloudError
from emulator.readback import READERS, UNSUPPORTED
from emulator.template_check import check_templates, find_mismatches


def paths(expected: Any, actual: Any) -> list[str]:
    return [path for path, _ in find_mismatches(expected, actual)]


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (60, "60"),
        ("300", 300),
        (0, 0.0),
        (True, "true"),
        (False, "false"),
        ("", None),
        ([], None),
        ({}, None),
        ("{JSON}", "{JSON}"),
        ({"source": ["com.aws.orders"]}, '{"source": ["com.aws.orders"]}'),
        ('{"a": 1,"b": 2}', '{"b":2,"a":1}'),
        ('{"a": 1}', {"a": 1}),
        ({"Level": "ALL"}, {"level": "ALL"}),
        ({"KMSMasterKeyId": "k"}, {"kmsMasterKeyId": "k"}),
        ({"Variables": {"a": "1", "A": "2"}}, {"Variables": {"a": "1", "A": "2"}}),
        ({"Enabled": True}, {"Enabled": True, "Since": "yesterday"}),
        ([{"Id": "a"}, {"Id": "b"}], [{"Id": "b", "State": "on"}, {"Id": "a"}]),
    ],
)
def test_equal_values_in_different_spelling_match(expected: Any, actual: Any):
    assert paths({"P": expected}, {"P": actual}) == []


@pytest.mark.parametrize(
    ("expected", "actual", "path"),
    [
        (60, 61, "P"),
        (0, None, "P"),
        (0, False, "P"),
        (1, True, "P"),
        (1, "true", "P"),
        (False, None, "P"),
        ("2.0", "2", "P"),
        ("text", None, "P"),
        ("a", "A", "P"),
        ("{", {}, "P"),
        ({}, [], "P"),
        ({"A": {"B": 1}}, {"A": {"B": 2}}, "P.A.B"),
        ({"A": {"B": 1}}, {"A": {}}, "P.A.B"),
        ({"A": 1}, "not JSON", "P"),
        (["a"], ["a", "b"], "P"),
        (["a", "a"], ["a", "b"], "P.1"),
        ([{"Id": "a", "Age": 1}, {"Id": "b"}], [{"Id": "b"}, {"Id": "a", "Age": 2}], "P.0.Age"),
        ('["a", "b"]', '["b", "a"]', "P"),
    ],
)
def test_something_else(expected: Any, actual: Any, path: str):
    assert paths({"P": expected}, {"P": actual}) == [path]


def test_mismatch_is_reported_in_one_line():
    ((path, what),) = find_mismatches({"P": "a\nb"}, {})
    assert (path, what) == ("P", r'is nothing, not "a\nb"')


REFERRING = {
    "a parameter": {"Ref": "Size"},
    "a pseudo parameter": {"Ref": "AWS::Region"},
    "a resource": {"Ref": "Other"},
    "an attribute": {"Fn::GetAtt": ["Other", "Arn"]},
    "a text": {"Fn::Sub": "${AWS::Region}-${Other.Arn}-${Size}-${!Literally}"},
    "a text of its own words": {"Fn::Sub": ["${word}", {"word": {"Ref": "Other"}}]},
    "an output": {"Fn::GetStackOutput": {"StackName": "There", "OutputName": "Address"}},
}
DANGLING = {
    "Gone": {"Ref": "Gone"},
    "Lost": {"Fn::Join": ["", ["a", {"Fn::GetAtt": ["Lost", "Arn"]}]]},
    "Void": {"Fn::Sub": "arn:${AWS::Region}:${Void.Arn}"},
    "Null": {"Fn::Sub": ["${word}", {"word": {"Ref": "Null"}}]},
    "AWS::Continent": {"Ref": "AWS::Continent"},
    "There.Nothing": {"Fn::GetStackOutput": {"StackName": "There", "OutputName": "Nothing"}},
    "Size.Arn": {"Fn::GetStackOutput": {"StackName": "Size", "OutputName": "Arn"}},
}


def stacks(value: Any, **attributes: Any) -> dict[str, Any]:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": value}, **attributes}
    return {
        "Here": {
            "Parameters": {"Size": {}},
            "Resources": {"Queue": queue, "Other": {"Type": "AWS::SNS::Topic"}},
        },
        "There": {"Resources": {}, "Outputs": {"Address": {"Value": "here"}}},
    }


@pytest.mark.parametrize("value", REFERRING.values(), ids=REFERRING)
def test_reference_to_a_resource_is_resolved(value: Any):
    check_templates(stacks(value, DependsOn=["Other"]))


@pytest.mark.parametrize(("name", "value"), DANGLING.items(), ids=DANGLING)
def test_reference_to_nothing_is_an_error(name: str, value: Any):
    with pytest.raises(CloudError) as refused:
        check_templates(stacks(value))
    assert str(refused.value) == (
        f"Here: Queue (AWS::SQS::Queue): it refers to {name}, which does not exist"
    )


@pytest.mark.parametrize("names", ["Gone", ["Gone", "Other"]])
def test_dependency_on_nothing_is_an_error(names: Any):
    with pytest.raises(CloudError, match=r"^Here: Queue .* refers to Gone, which"):
        check_templates(stacks("q", DependsOn=names))


def test_output_of_nothing_is_an_error():
    both = stacks("q")
    both["There"]["Outputs"]["Address"]["Value"] = {"Ref": "Gone"}
    with pytest.raises(CloudError, match=r"^There: Outputs: it refers to Gone, which"):
        check_templates(both)


def test_unknown_attribute_is_named():
    with pytest.raises(CloudError, match=r"^Here: Queue .* does not know the attribute Update"):
        check_templates(stacks("q", UpdatePolicy={}))


def test_each_mismatch_has_its_own_line():
    both = json.loads(json.dumps(stacks("q")))
    both["Here"]["Resources"]["Queue"]["Properties"] |= {"Colour": 1, "Weight": 2}
    both["There"]["Resources"]["Odd"] = {"Type": "AWS::Odd::Thing"}
    with pytest.raises(CloudError) as refused:
        check_templates(both)
    lines = str(refused.value).splitlines()
    assert [line.split(" (")[0] for line in lines] == ["Here: Queue", "Here: Queue", "There: Odd"]


def test_no_property_is_both_compared_and_unsupported():
    properties = {
        f"{kind}.{name}" for kind, (_, names) in READERS.items() for name in names.split()
    }
    assert not UNSUPPORTED.keys() & {*READERS, *properties}
