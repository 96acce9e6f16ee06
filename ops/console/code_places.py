"""The source files of deployed functions."""

from ops.dlq.templates import FUNCTION, MAPPING, QUEUE, Resource, Templates


def code_place(resource: Resource) -> str | None:
    """Return the path of a function's handler, from its template; None for other resources."""
    handler = resource.properties.get("Handler")
    if resource.kind != FUNCTION or not isinstance(handler, str):
        return None
    return f"{handler.rpartition('.')[0].replace('.', '/')}.py"


def failed_code(failed: Resource, templates: Templates) -> str | None:
    """Return the path of the code that failed: the function's, or that of the queue's consumer."""
    if failed.kind != QUEUE:
        return code_place(failed)
    for mapping in templates.resources(MAPPING):
        source, function = (
            templates.first_reference(mapping.stack, mapping.properties[name])
            for name in ("EventSourceArn", "FunctionName")
        )
        if source == failed and function is not None:
            return code_place(function)
    return None
