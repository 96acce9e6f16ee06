"""Writes a small service: ``make service NAME=loyalty EVENT=OrderDispatched``."""
