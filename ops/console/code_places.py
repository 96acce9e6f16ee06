"""Where the code of a deployed function is."""

from ops.dlq.templates import FUNCTION, Resource


def code_place(resource: Resource) -> str | None:
    """Return the file of a function's handler, as its template names it; None for other things."""
    handler = resource.properties.get("Handler")
    if resource.kind != FUNCTION or not isinstance(handler, str):
        return None
    return f"{handler.rpartition('.')[0].replace('.', '/')}.py"
