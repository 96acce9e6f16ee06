"""What must hold for every resource of the platform, whichever service declares it.

A check yields a line for each offence, and the line begins with the offending resource.
``test_checks`` proves that each check can fail. Importing this package registers every check.
"""

from tests.templates.checks import (  # noqa: F401 -- each registers its checks
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
