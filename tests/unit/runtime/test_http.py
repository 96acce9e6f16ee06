import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.problems import (
    INVALID_REQUEST,
    FieldProblem,
    InvalidRequestError,
    ProblemError,
)
from lambdas.runtime.http import (
    MAX_BODY_BYTES,
    MAX_DEPTH,
    MAX_FORM,
    answer_problems,
    body,
    cached_response,
    caller_id,
    form,
    header,
    json_response,
    path_parameters,
    query_parameters,
    request_id,
)


class TestBody:
    @pytest.mark.parametrize("value", [{"a": [1, None]}, [], "x", 1, None])
    def test_json_is_read(self, value: Any):
        assert body({"body": json.dumps(value)}) == value

    def test_base64_is_read(self):
        encoded = base64.b64encode('{"country": "Österreich"}'.encode()).decode()

        assert body({"body": encoded, "isBase64Encoded": True}) == {"country": "Österreich"}

    @pytest.mark.parametrize("text", ["", "{", "[" * MAX_DEPTH, "a=b", "{'a': 1}", "1" * 5_000])
    def test_malformed_json_is_rejected(self, text: str):
        with pytest.raises(InvalidRequestError, match="body is not JSON"):
            body({"body": text})

    @pytest.mark.parametrize("event", [{}, {"body": None}])
    def test_missing_body_is_refused(self, event: dict[str, Any]):
        with pytest.raises(InvalidRequestError):
            body(event)

    @pytest.mark.parametrize("text", ["/w==", "a"])
    def test_base64_of_no_text_is_no_json(self, text: str):
        with pytest.raises(InvalidRequestError):
            body({"body": text, "isBase64Encoded": True})

    @given(st.binary(max_size=20))
    def test_any_bytes_are_json_or_refused(self, raw: bytes):
        try:
            body({"body": base64.b64encode(raw).decode(), "isBase64Encoded": True})
        except InvalidRequestError as refusal:
            assert str(refusal)


class TestBodyLimits:
    def test_body_of_the_most_bytes_is_read(self):
        text = json.dumps("x" * (MAX_BODY_BYTES - 2))

        assert body({"body": text}) == "x" * (MAX_BODY_BYTES - 2)

    @pytest.mark.parametrize("letter", ["x", "ä", "\U0001f600"])
    def test_larger_body_is_refused_with_413_before_parsing(self, letter: str):
        text = letter * (MAX_BODY_BYTES // len(letter.encode()) + 1)
        encoded = base64.b64encode(text.encode()).decode()

        for event in ({"body": text}, {"body": encoded, "isBase64Encoded": True}):
            with pytest.raises(ProblemError, match=f"at most {MAX_BODY_BYTES} bytes") as refused:
                body(event)
            assert refused.value.kind.status == 413

    @pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
    def test_deep_body_is_refused_and_named(self, opening: str):
        with pytest.raises(InvalidRequestError, match="in each other") as refused:
            body({"body": opening * (MAX_DEPTH + 1)})

        assert [each.field for each in refused.value.errors] == ["body"]

    @pytest.mark.parametrize("text", ["[" * 99, '\\"' + "[" * 99, "]" * 99, "{" * 99 + "\\"])
    def test_brackets_in_texts_are_not_counted(self, text: str):
        nested: Any = text
        for _ in range(MAX_DEPTH):
            nested = [nested]

        assert body({"body": json.dumps(nested)}) == nested

    @pytest.mark.parametrize("unit", ['"', '\\"', '"\\', "\\", '["', '{"a":"b",', "[]", "\n"])
    def test_checking_takes_time_in_proportion_to_the_size(self, unit: str):
        """A quarter of a megabyte would take minutes otherwise."""
        text = unit * (MAX_BODY_BYTES // len(unit))
        began = time.process_time()

        with pytest.raises(InvalidRequestError):
            body({"body": '"' + text[1:]})
        assert time.process_time() - began < 5


class TestForm:
    def test_form_of_the_most_letters_is_read(self):
        assert form({"body": "token=" + "a" * (MAX_FORM - 6)}) == {"token": "a" * (MAX_FORM - 6)}

    @pytest.mark.parametrize(
        "event",
        [
            *({}, {"body": None}, {"body": "token=" + "a" * (MAX_FORM - 5)}),
            *({"body": "a=1&" * 11}, {"body": "/w==", "isBase64Encoded": True}),
        ],
    )
    def test_larger_form_or_none_is_empty(self, event: dict[str, Any]):
        assert form(event) == {}


class TestAnswerProblems:
    def test_problem_is_answered_as_problem_details_and_logged(
        self, capsys: pytest.CaptureFixture[str]
    ):
        bad = FieldProblem(field="lines[0].sku", problem="is bad")

        @answer_problems
        def handler(event: Any, context: object) -> dict[str, Any]:
            raise InvalidRequestError([bad])

        response = handler({}, None)

        assert (response["statusCode"], response["headers"]["content-type"]) == (
            400,
            "application/problem+json",
        )
        assert json.loads(response["body"]) == {
            "type": "urn:problem-type:orders:invalid-request",
            "title": INVALID_REQUEST.title,
            "status": 400,
            "detail": "lines[0].sku is bad",
            "errors": [{"field": "lines[0].sku", "problem": "is bad"}],
        }
        assert json.loads(capsys.readouterr().out) == {
            "message": "request_refused",
            "level": "INFO",
            "problem": "invalid-request",
            "fields": ["lines[0].sku"],
        }

    def test_other_responses_and_errors_pass(self):
        @answer_problems
        def handler(event: Any, context: object) -> dict[str, Any]:
            return {"n": 1 // event}

        assert handler(1, None) == {"n": 1}
        with pytest.raises(ZeroDivisionError):
            handler(0, None)


def test_headers_are_found_by_any_spelling_of_their_name():
    event = {"headers": {"idempotency-key": "1"}}

    assert header(event, "Idempotency-Key") == "1"
    assert header(event, "Another") == ""
    assert header({}, "Another") == ""


def test_caller_is_the_subject_of_the_token():
    context = {"requestId": "r", "authorizer": {"jwt": {"claims": {"sub": "17850"}}}}

    assert caller_id({"requestContext": context}) == "17850"
    assert request_id({"requestContext": context}) == "r"


def test_response_is_json_and_not_cached():
    assert json_response(404, {"message": "no"}) == {
        "statusCode": 404,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": '{"message": "no"}',
    }


def test_path_or_query_without_parameters_is_empty():
    assert path_parameters({"pathParameters": {"sku": "A"}}) == {"sku": "A"}
    assert path_parameters({}) == {}
    assert query_parameters({"queryStringParameters": {"limit": "3"}}) == {"limit": "3"}
    assert query_parameters({}) == {}


class TestCachedResponse:
    def test_same_content_has_the_same_etag(self):
        first, again, other = (cached_response({}, {"n": n}) for n in (1, 1, 2))

        assert first == again
        assert first["headers"]["etag"] != other["headers"]["etag"]
        assert (first["statusCode"], first["body"]) == (200, '{"n": 1}')
        assert first["headers"]["cache-control"] == "private, no-cache"

    @pytest.mark.parametrize("spelt", ["{}", "W/{}", '"other", {}', '"other",W/{}', "*"])
    def test_matching_etag_gets_no_body(self, spelt: str):
        tag = cached_response({}, {"n": 1})["headers"]["etag"]
        event = {"headers": {"if-none-match": spelt.format(tag)}}

        response = cached_response(event, {"n": 1})

        assert response["statusCode"] == 304
        assert response["headers"]["etag"] == tag
        assert "body" not in response

    @pytest.mark.parametrize("spelt", ["", '"other"', "nonsense,,"])
    def test_other_etag_gets_the_whole_body(self, spelt: str):
        assert cached_response({"headers": {"if-none-match": spelt}}, {"n": 1})["statusCode"] == 200


def test_null_of_an_http_api_counts_as_absent():
    event: dict[str, Any] = {"body": None, "headers": None}

    assert form(event) == {}
    assert header(event, "origin") == ""
