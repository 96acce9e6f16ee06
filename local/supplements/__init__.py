"""What AWS does and MiniStack 1.5.33 does not, as far as our templates switch it on.

One module for each seam. Its docstring says what AWS does and where that is documented, what
MiniStack does instead, and when the supplement can go. The version is pinned exactly, because
the seams are MiniStack's internals; a test fails when it moves.
"""

from local.supplements import (
    batch_actions,
    cfn_archive,
    cfn_dsql,
    cfn_properties,
    custom_resources,
    event_source,
    http_api,
    instance_credentials,
    logs_target,
    named_errors,
    state_machines,
)

ALL = (
    batch_actions,
    cfn_archive,
    cfn_dsql,
    cfn_properties,
    custom_resources,
    event_source,
    http_api,
    instance_credentials,
    logs_target,
    named_errors,
    state_machines,
)


def install() -> None:
    """Install every supplement into the MiniStack of this process."""
    for supplement in ALL:
        supplement.install()
