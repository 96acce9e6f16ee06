"""Breakages of the templates, each with the check that must report it."""

from tests.templates.breakages import (
    alarms,
    api,
    data,
    deliveries,
    events,
    function_rights,
    functions,
    logs,
    queues,
    rights,
    saga_catches,
    sagas,
    streams,
    topics,
    used_rights,
)
from tests.templates.breakages.common import Case

BREAKAGES: list[Case] = [
    *events.BREAKAGES,
    *queues.BREAKAGES,
    *alarms.BREAKAGES,
    *streams.BREAKAGES,
    *function_rights.BREAKAGES,
    *deliveries.BREAKAGES,
    *logs.BREAKAGES,
    *functions.BREAKAGES,
    *rights.BREAKAGES,
    *data.BREAKAGES,
    *api.BREAKAGES,
    *sagas.BREAKAGES,
    *saga_catches.BREAKAGES,
    *topics.BREAKAGES,
    *used_rights.BREAKAGES,
]
