import asyncio
from typing import Any

import pytest
from ministack.services import apigateway, cognito

from emulator.patches import user_pools


@pytest.mark.parametrize(("use", "taken"), [("access", True), ("id", True), ("refresh", False)])
def test_http_api_refuses_a_refresh_token(monkeypatch: pytest.MonkeyPatch, use: str, taken: bool):
    async def validated(route: Any, authorizer: Any, headers: Any, query_params: Any) -> Any:
        return {"token_use": use}, [], None

    monkeypatch.setattr(apigateway, "_validate_jwt_authorizer", validated)
    monkeypatch.setattr(cognito, "_sign_up", cognito._sign_up)
    user_pools.install()
    claims, _, refusal = asyncio.run(apigateway._validate_jwt_authorizer({}, {}, {}, {}))
    assert bool(claims) is taken
    assert (refusal is None) is taken
    assert taken or refusal[0] == 401
