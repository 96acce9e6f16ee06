"""The backbone stack, by what it declares: bus and archive, event log, order stream."""

from stacks.backbone.stack import BackboneStack

__all__ = ["BackboneStack"]
