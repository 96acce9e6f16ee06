"""Only the person who started the console gets in, and only its own pages change anything."""

import pytest

from ops.console.app import create_app
from ops.console.page import Console
from tests.support.asgi import Browser
from tests.unit.ops.console.conftest import new_console

FORM = "/dead-letters/orders/MarkDispatchedDeadLetters/plan"


def test_printed_key_is_exchanged_for_a_cookie_that_no_script_and_no_other_site_gets(
    stranger: Browser, console: Console
):
    answer = stranger.get(f"/enter?key={console.secrets.key}")

    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert console.secrets.key not in cookie
    assert stranger.get("/orders").status == 200


@pytest.mark.parametrize("key", ["", "wrong", "é"])
def test_wrong_key_is_refused(stranger: Browser, key: str):
    assert stranger.get(f"/enter?key={key}").status == 403
    assert stranger.get("/orders").status == 401


@pytest.mark.parametrize("path", ["/", "/orders", "/dead-letters", "/static/console.css", "/none"])
def test_request_without_the_cookie_is_refused(stranger: Browser, path: str):
    stranger.cookies["orders-console-8800"] = "guessed"

    assert stranger.get(path).status == 401


def test_key_of_another_run_is_refused(browser: Browser, console: Console):
    browser.app = create_app(new_console(console.deployed), port=8800)

    assert browser.get("/orders").status == 401


@pytest.mark.parametrize(
    "host", ["evil.example:8800", "127.0.0.1", "127.0.0.1:80", "localhost.evil:8800"]
)
def test_name_that_another_site_lets_point_here_is_refused(browser: Browser, host: str):
    browser.host = host

    assert browser.get("/orders").status == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:9999"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
    ids=str,
)
def test_form_of_another_page_is_refused(
    browser: Browser, console: Console, headers: dict[str, str]
):
    form = [("csrf", console.secrets.csrf), ("verb", "purge"), ("id", "m1")]

    assert browser.post(FORM, form, **headers).status == 403


@pytest.mark.parametrize("token", [[], [("csrf", "")], [("csrf", "guessed")]], ids=str)
def test_form_without_its_token_is_refused(browser: Browser, token: list[tuple[str, str]]):
    assert browser.post(FORM, [*token, ("verb", "purge"), ("id", "m1")]).status == 403


def test_form_that_is_too_long_is_refused(browser: Browser, console: Console):
    form = [("csrf", console.secrets.csrf), ("id", "x" * 1_000_000)]

    assert browser.post(FORM, form).status == 413


def test_every_answer_forbids_inline_scripts_frames_and_other_hosts(browser: Browser):
    for answer in (browser.get("/orders"), browser.get("/none"), Browser(browser.app).get("/")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_pages_have_no_inline_script_and_no_inline_style(browser: Browser):
    for path in ("/map", "/map/orders", "/orders", "/dead-letters", "/none"):
        text = browser.get(path).text
        assert "<script>" not in text
        assert "<style" not in text
        assert " style=" not in text
        assert " onclick" not in text
