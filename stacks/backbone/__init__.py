"""The backbone stack: bus and archive, event log, order stream; one module for each."""

from stacks.backbone.stack import BackboneStack

__all__ = ["BackboneStack"]
