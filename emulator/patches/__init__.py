"""AWS's behaviour that MiniStack 1.5.33 lacks, as far as our templates use it.

Each module patches one thing. Its docstring says what AWS does and where that is documented, what
MiniStack does instead, and when the patch can be removed ("Can go"). MiniStack's version is pinned
exactly, because the patches replace its internal functions; a test fails if one of these changes.
"""

from emulator.patches import (
    async_invocations,
    batch_actions,
    cfn_archive,
    cfn_drift,
    cfn_dsql,
    cfn_metric_math,
    cfn_operations,
    cfn_properties,
    cfn_saved_queries,
    cfn_stream_consumer,
    closed_shards,
    conditional_writes,
    custom_resources,
    deduplication,
    event_targets,
    forked_functions,
    function_updates,
    http_api,
    instance_credentials,
    long_queues,
    mail_identity,
    message_attributes,
    named_errors,
    partner_events,
    permissions,
    put_events_keys,
    queue_mappings,
    replays,
    root_user,
    schedules,
    state_machines,
    stream_mappings,
    subscriptions,
    throughput,
    usage,
    user_pools,
)

ALL = (
    usage,
    async_invocations,
    batch_actions,
    cfn_archive,
    cfn_dsql,
    cfn_drift,
    cfn_metric_math,
    cfn_properties,
    cfn_saved_queries,
    cfn_stream_consumer,
    closed_shards,
    conditional_writes,
    custom_resources,
    deduplication,
    put_events_keys,
    event_targets,
    forked_functions,
    http_api,
    instance_credentials,
    long_queues,
    mail_identity,
    message_attributes,
    named_errors,
    partner_events,
    permissions,
    queue_mappings,
    replays,
    root_user,
    schedules,
    state_machines,
    stream_mappings,
    subscriptions,
    throughput,
    user_pools,
    function_updates,
    cfn_operations,
)


def install() -> None:
    """Install every patch into the MiniStack of this process."""
    for patch in ALL:
        patch.install()
