"""Backbone: scales the shards of the order stream."""
