"""Which characters a text may contain: visible ones and plain spaces."""

from unicodedata import name as character_name

MAX_REASON = 1_000
IGNORABLE = tuple(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x2800, 0x2800),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)
"""Characters that Python takes for printable and that show nothing: fillers, joiners, variation
selectors and the empty Braille pattern. All others of these kinds are formats, which are not
printable. https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
"""


def text_problem(text: str) -> str | None:
    """Return what is wrong with the characters of a text; None if all are visible.

    Not allowed are control, bidirectional and invisible characters, spaces other than U+0020, lone
    surrogates, and unassigned code points.
    """
    for character in text:
        if not character.isprintable() or character in IGNORABLE:
            return f"must not contain {_named(character)}, which cannot be seen"
    return None


def sku_problem(sku: str) -> str | None:
    """Return what is wrong with a SKU; None if it can stand in the path of a URL.

    A slash is fine. But clients and proxies resolve ``.`` and ``..``, and merge slashes.
    https://url.spec.whatwg.org/#path-state
    """
    if sku != sku.strip():
        return "must have no space around it"
    if any(part in ("", ".", "..") for part in sku.split("/")):
        return "must have more than dots before, between and after its slashes"
    return text_problem(sku)


def printable(reason: str) -> str:
    """Return a reason with special characters escaped, cut to ``MAX_REASON`` characters.

    A reason may quote bad data, and SQS refuses control characters in attributes.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    """
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in reason[:MAX_REASON]
    )
    return shown if len(shown) <= MAX_REASON else f"{shown[: MAX_REASON - 1]}…"


def _named(character: str) -> str:
    code = f"U+{ord(character):04X}"
    named = character_name(character, "")
    return f"{code} ({named})" if named else code
