"""What AWS does and MiniStack 1.5.33 does not, as far as our templates switch it on.

One module for each seam. Its docstring says what AWS does and where that is documented, what
MiniStack does instead, and when the supplement can go. The version is pinned exactly, because
the seams are MiniStack's internals; a test fails when it moves.
"""

from local.supplements import (
    async_invocations,
    batch_actions,
    cfn_archive,
    cfn_dsql,
    cfn_expected,
    cfn_properties,
    cfn_stream_consumer,
    custom_resources,
    event_source,
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
    updates,
)

ALL = (
    async_invocations,
    batch_actions,
    cfn_archive,
    cfn_dsql,
    cfn_expected,
    cfn_properties,
    cfn_stream_consumer,
    custom_resources,
    event_source,
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
    updates,
)


def install() -> None:
    """Install every supplement into the MiniStack of this process."""
    for supplement in ALL:
        supplement.install()
