"""What is in the tokens of signed-in users."""

import base64
import json


def subject(token: str) -> str:
    """Who a token's customer is to the services."""
    claims = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(claims + "=="))["sub"])
