"""The keys of the root user and of functions are made up for the run: nobody can derive them."""

import pytest
from ministack import app
from ministack.core import iam_evaluator, lambda_runtime
from ministack.services import sts

from emulator.patches import root_user

FUNCTION = {
    "FunctionName": "f",
    "FunctionArn": "arn:aws:lambda:eu-west-1:000000000000:function:f",
    "Role": "arn:aws:iam::000000000000:role/r",
}


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore what the patch replaces, and let functions have keys of their roles."""
    for module, names in (
        (iam_evaluator, ("is_root_access_key", "enforce", "check_credentials")),
        (sts, ("is_root_access_key", "register_session")),
        (lambda_runtime, ("hashlib",)),
        (root_user, ("_key",)),
    ):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr(app, "AUTH", True)
    monkeypatch.setattr(sts, "register_session", lambda *_: None)


def test_keys_of_a_function_differ_in_each_run():
    root_user.install()
    first, same = (lambda_runtime.execution_credentials(FUNCTION) for _ in range(2))
    root_user.install()
    second = lambda_runtime.execution_credentials(FUNCTION)

    assert first == same
    assert not set(first.values()) & set(second.values())


@pytest.mark.parametrize("key", ["test", "000000000000", ""])
def test_no_well_known_key_is_the_root_users(key: str):
    root_user.install()

    for own in ("made up", ""):
        root_user.use(own)
        assert not iam_evaluator.is_root_access_key(key)
        assert iam_evaluator.is_root_access_key(own) is bool(own)
