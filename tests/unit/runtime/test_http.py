import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.runtime.http import (
    NotJsonError,
    body,
    cached_response,
    caller_id,
    header,
    json_response,
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

    @pytest.mark.parametrize("text", ["", "{", "a=b", "{'a': 1}", "[" * 100_000, "1" * 5_000])
    def test_malformed_json_is_rejected(self, text: str):
        with pytest.raises(NotJsonError, match="the body is not JSON"):
            body({"body": text})

    @pytest.mark.parametrize("event", [{}, {"body": None}])
    def test_no_body_is_no_json(self, event: dict[str, Any]):
        with pytest.raises(NotJsonError):
            body(event)

    @pytest.mark.parametrize("text", ["/w==", "a"])
    def test_base64_of_no_text_is_no_json(self, text: str):
        with pytest.raises(NotJsonError):
            body({"body": text, "isBase64Encoded": True})

    @given(st.binary(max_size=20))
    def test_any_bytes_are_json_or_refused(self, raw: bytes):
        try:
            body({"body": base64.b64encode(raw).decode(), "isBase64Encoded": True})
        except NotJsonError as refusal:
            assert str(refusal)


def test_headers_are_found_by_any_spelling_of_their_name():
    event = {"headers": {"idempotency-key": "1"}}

    assert header(event, "Idempotency-Key") == "1"
    assert header(event, "Another") == ""
    assert header({}, "Another") == ""


def test_caller_is_the_subject_of_the_token():
    context = {"requestId": "r", "authorizer": {"jwt": {"claims": {"sub": "17850"}}}}

    assert caller_id({"requestContext": context}) == "17850"
    assert request_id({"requestContext": context}) == "r"


def test_an_answer_is_json_that_nobody_keeps():
    assert json_response(404, {"message": "no"}) == {
        "statusCode": 404,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": '{"message": "no"}',
    }


def test_a_query_may_have_no_parameters():
    assert query_parameters({"queryStringParameters": {"limit": "3"}}) == {"limit": "3"}
    assert query_parameters({}) == {}


class TestCachedResponse:
    def test_the_same_content_has_the_same_tag(self):
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
