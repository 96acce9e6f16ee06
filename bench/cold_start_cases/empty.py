"""A function that does nothing: the start of Python alone."""


def handler(event: object, context: object) -> None:
    """Do nothing."""
