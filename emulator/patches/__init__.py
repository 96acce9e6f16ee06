"""What AWS does and MiniStack 1.5.33 does not, as far as our templates switch it on.

One module for each seam. Its docstring says what AWS does and where that is documented, what
MiniStack does instead, and when the patch can go. The version is pinned exactly, because
the seams are MiniStack's internals; a test fails when it moves.
"""

from emulator.patches import async_invocations
from emulator.patches import batch_actions
from emulator.patches import cfn_archive
from emulator.patches import cfn_dsql
from emulator.patches import cfn_properties
from emulator.patches import cfn_stream_consumer
from emulator.patches import custom_resources
from emulator.patches import event_targets
from emulator.patches import http_api
from emulator.patches import instance_credentials
from emulator.patches import long_queues
from emulator.patches import mail_identity
from emulator.patches import named_errors
from emulator.patches import partner_events
from emulator.patches import permissions
from emulator.patches import queue_mappings
from emulator.patches import replays
from emulator.patches import schedules
from emulator.patches import state_machines
from emulator.patches import stream_mappings
from emulator.patches import subscriptions
from emulator.patches import throughput
from emulator.patches import function_updates
from emulator.patches import put_events_source
from emulator.patches import cfn_drift

ALL = (
    async_invocations,
    batch_actions,
    cfn_archive,
    cfn_dsql,
    cfn_drift,
    cfn_properties,
    cfn_stream_consumer,
    custom_resources,
    put_events_source,
    event_targets,
    http_api,
    instance_credentials,
    long_queues,
    mail_identity,
    named_errors,
    partner_events,
    permissions,
    queue_mappings,
    replays,
    schedules,
    state_machines,
    stream_mappings,
    subscriptions,
    throughput,
    function_updates,
)


def install() -> None:
    """Install every patch into the MiniStack of this process."""
    for patch in ALL:
        patch.install()
