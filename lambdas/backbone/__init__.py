"""Backbone: the job that scales the shards of the order stream."""
