"""Secret access keys, for the root user and for functions.

AWS: access keys are secret and random, and a request without one has no principal.
https://docs.aws.amazon.com/IAM/latest/UserGuide/security-creds-programmatic-access.html
MiniStack 1.5.33: a request with the key `test`, with any twelve digits or without a key comes from
the root user, whose signature it does not check. It derives a function's keys from the ARNs of the
function and its role, so anybody can derive them. The root user can run code as the developer,
because a function is a process.
Can go: when MiniStack accepts one configured key only, and makes random keys for functions.
"""

import hashlib
import hmac
import secrets
from types import SimpleNamespace
from typing import Any

from ministack.core import iam_evaluator, lambda_runtime
from ministack.services import sts

SERVED_UNSIGNED = "cognito-idp"
"""The service whose users sign in without an access key. MiniStack took them as the root user."""
METADATA_SERVICE = "imds"
"""The metadata service of instances. Its requests are not signed; `emulator.gateway` guards it."""

_key = ""


def use(key: str) -> None:
    """Make this access key the root user's only one.

    If it is empty, no request is the root user's.
    """
    global _key
    _key = key


def install() -> None:
    """Accept only the run's key for the root user; make random keys for functions."""
    iam_evaluator.is_root_access_key = sts.is_root_access_key = _is_root
    enforce = iam_evaluator.enforce

    def enforced(access_key: str, iam_action: str, service: str, *rest: Any, **more: Any) -> Any:
        if service == SERVED_UNSIGNED and _is_unsigned(service, iam_action):
            return None
        return enforce(access_key, iam_action, service, *rest, **more)

    check = iam_evaluator.check_credentials

    def checked(access_key: str, service: str, *rest: Any, **more: Any) -> Any:
        # `emulator.gateway` has checked the request.
        if service == METADATA_SERVICE and iam_evaluator._anonymous.get():
            return None
        return check(access_key, service, *rest, **more)

    iam_evaluator.enforce, iam_evaluator.check_credentials = enforced, checked
    salt = secrets.token_bytes(32)

    def salted(text: bytes) -> Any:
        return hmac.new(salt, text, hashlib.sha256)

    lambda_runtime.hashlib = SimpleNamespace(sha256=salted)


def _is_root(access_key: str) -> bool:
    return bool(_key) and hmac.compare_digest(access_key.encode(), _key.encode())


def _is_unsigned(service: str, iam_action: str) -> bool:
    """Return whether AWS accepts the request without a signature, such as InitiateAuth."""
    return bool(
        iam_evaluator._anonymous.get() and iam_evaluator._served_unsigned(service, iam_action)
    )
