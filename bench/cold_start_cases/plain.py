"""A function that has a service's AWS clients and packages, and no code of its own."""

import json
import os
from importlib import import_module

import boto3

for package in json.loads(os.environ["CASE_PACKAGES"]):
    import_module(package)
clients = [boto3.client(service) for service in json.loads(os.environ["CASE_CLIENTS"])]


def handler(event: object, context: object) -> None:
    """Do nothing."""
