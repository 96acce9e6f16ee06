"""Failures that a retry may cure; every service raises them by these names."""


class ConcurrentUpdateError(Exception):
    """Others changed the row during each attempt to update it."""


class PublishError(Exception):
    """The bus rejected an event in every attempt to publish it."""
