"""A function that does nothing: what starting Python costs by itself."""


def handler(event: object, context: object) -> None:
    """Do nothing."""
