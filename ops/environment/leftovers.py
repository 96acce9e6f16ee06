"""Stacks and options that are deployed and no longer configured."""

from collections.abc import Iterator, Mapping

from ops.environment.synthesized import Template

OPTIONAL_TYPES = {
    "AWS::SES::EmailIdentity": "the sender's identity",
    "AWS::ApiGatewayV2::DomainName": "the API's domain name",
}
"""Types of resources that only a setting puts into a template, and what they are."""
MAIL_SENDER = "MailSender"
"""The output with the sender's address."""


def find_leftover_stacks(
    wanted: Mapping[str, Template], there: Mapping[str, Template]
) -> list[str]:
    """Return the deployed stacks that are not synthesized, so that no deployment changes them."""
    return sorted(there.keys() - wanted.keys())


def find_switched_off(
    wanted: Mapping[str, Template], there: Mapping[str, Template]
) -> Iterator[str]:
    """Yield a sentence for each option that the next deployment would switch off."""
    for stack in sorted(wanted.keys() & there.keys()):
        new, old = _types(wanted[stack]), _types(there[stack])
        for kind, what in OPTIONAL_TYPES.items():
            if kind in old and kind not in new:
                yield f"{stack} will delete {what}"
        if MAIL_SENDER in _outputs(there[stack]) and MAIL_SENDER not in _outputs(wanted[stack]):
            address = _outputs(there[stack])[MAIL_SENDER]["Value"]
            yield f"{stack} will send no more e-mails, and sends them now from {address}"


def _types(template: Template) -> set[str]:
    return {declaration["Type"] for declaration in template["Resources"].values()}


def _outputs(template: Template) -> Template:
    outputs: Template = template.get("Outputs", {})
    return outputs
