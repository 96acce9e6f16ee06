"""Backbone: the order stream has as many shards as it needs."""
