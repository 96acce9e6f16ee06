"""Errors after which a retry may succeed. Services share them, because sagas know their names."""


class ConcurrentUpdateError(Exception):
    """Each attempt to update a row met a concurrent change of it."""


class PublishError(Exception):
    """The bus rejected an event in every attempt to publish it."""
