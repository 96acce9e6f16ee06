"""Checks of the settings that name something outside of the app."""

from typing import TYPE_CHECKING

from stacks.names import CERTIFICATE_ARN, DOMAIN_NAME, PARTNER_SOURCE_NAME

if TYPE_CHECKING:
    from stacks.environments import Environment

DAY_SECONDS = 86_400
"""The longest period of an alarm's metric.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""


class InvalidSettingError(Exception):
    """A setting is invalid; the message names it and says what is valid."""


def check_settings(env: "Environment") -> None:
    """Check the settings that name something outside of the app.

    Raises:
        InvalidSettingError: the message names the environment, the setting, and a valid value.
    """
    partner = env.partner_event_source
    if partner is not None and not PARTNER_SOURCE_NAME.fullmatch(partner):
        raise _invalid(env, f"partner_event_source={partner!r}", "aws.partner/example.com/disputes")
    if env.sender:
        domain = env.sender.address.rpartition("@")[2]
        if not _is_address(env.sender.address):
            raise _invalid(env, f"sender.address={env.sender.address!r}", "orders@your.shop")
        if env.sender.identity not in (env.sender.address, domain):
            raise _invalid(
                env, f"sender.identity={env.sender.identity!r}", f"{env.sender.address} or {domain}"
            )
    for address in env.alarm_addresses:
        if not _is_address(address):
            raise _invalid(env, f"alarm_addresses with {address!r}", "on-call@your.shop")
    expected = env.order_expected_within
    if expected and not 60 <= expected.to_seconds() <= DAY_SECONDS:
        raise _invalid(
            env, f"order_expected_within={expected.to_human_string()}", "Duration.hours(6)"
        )
    if env.api_domain:
        name, certificate = env.api_domain.name, env.api_domain.certificate_arn
        if not DOMAIN_NAME.fullmatch(name):
            raise _invalid(env, f"api_domain.name={name!r}", "api.your.shop")
        if not CERTIFICATE_ARN.fullmatch(certificate):
            valid = "arn:aws:acm:eu-west-1:123456789012:certificate/ID"
            raise _invalid(env, f"api_domain.certificate_arn={certificate!r}", valid)


def _is_address(text: str) -> bool:
    user, _, domain = text.rpartition("@")
    return bool(user) and "@" not in user and DOMAIN_NAME.fullmatch(domain.lower()) is not None


def _invalid(env: "Environment", setting: str, valid: str) -> InvalidSettingError:
    return InvalidSettingError(
        f"stacks/environments.py: {env.name} has {setting}, and it must be such as {valid}"
    )
