"""The HTML pages for the owner of an address: fixed texts, without scripts.

The link in the mail leads to a page that only shows a button: programs that scan mails follow
links, and must not confirm an address. The button posts the token.
"""

from lambdas.notifications.confirmations import PATH, Token

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>{title}</title>
<h1>{title}</h1>
{content}
</html>
"""
_BUTTON = """<p>Press the button to be informed of your orders at the e-mail address to which the
link was sent.</p>
<form method="post" action="{action}">
<input type="hidden" name="token" value="{token}">
<button>Confirm this address</button>
</form>"""


def button_page(token: Token) -> str:
    """Return the page with the button that posts ``token``. A token needs no HTML escaping."""
    # Relative, because an API's stage may be part of the path.
    content = _BUTTON.format(action=PATH.rpartition("/")[2], token=token.text)
    return _PAGE.format(title="Confirm your e-mail address", content=content)


def confirmed_page() -> str:
    """Return the page that says that the address is confirmed."""
    content = "<p>You will be informed of your orders there.</p>"
    return _PAGE.format(title="Your address is confirmed", content=content)


def expired_page() -> str:
    """Return the page for a link that was used, has expired, or never existed."""
    content = (
        "<p>A link works once, within a day, and only the newest does. If you pressed its button "
        "before, your address is confirmed. If not, give your address to the shop again.</p>"
    )
    return _PAGE.format(title="This link does not work", content=content)
