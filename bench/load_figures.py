"""How much of each part an order uses, and AWS's quotas, for `bench.scaling`.

Assumed figures are marked as assumed. Quotas are the defaults in us-east-1, as on AWS's pages in
November 2026; other Regions have lower ones. Check yours in Service Quotas.
"""

REQUESTS_PER_ORDER = 2
"""Assumed: a customer places an order, and looks at it once."""
CHANGES_PER_ORDER = 4
"""Changes of an order's row that the relay reads: placed, claimed, confirmed, dispatched."""
ORDERS_TABLE_WRITES = 11
"""As in `bench.costs`, with all indexes."""
INDEX_WRITES = 2
"""An entry of the busiest index: put when the order is placed, deleted when it is confirmed."""
PAYMENT_CALLS = 2
"""The functions that connect to the ledger: the charge, and its resolution."""
MAILS_PER_ORDER = 2
MAIL_SECONDS = 0.2
"""Assumed: the time of a function that sends a mail."""
RELAY_RECORDS_PER_SECOND = 500
"""Assumed: a batch of 100 changes, with up to 100 events in ten requests, takes 0.2 s."""
SUBSCRIBER_BATCH_SECONDS = 0.1
"""Assumed: ten messages, each a conditional write, one after another."""
PICKS_PER_WORKER = 100
"""Assumed: orders a second that an instance picks, with 20 at a time and four calls for each."""
KEYS_PER_SECOND = 7_200
"""Assumed: keys of an index that a function of 256 MB reads: a seventh of what a whole CPU does."""
SECONDS_SCANNED = 900
"""The age of the orders whose keys each scan for duplicates reads: the last three periods."""
NEW_TABLE_PARTITIONS = 4
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html"""
PARTITION_WRITES = 1_000
SHARD_RECORDS = 1_000
"""https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""

API_ACCOUNT_RATE = 10_000
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""
LAMBDA_CONCURRENCY = 1_000
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
STANDARD_STARTS, STANDARD_TRANSITIONS, EXPRESS_STARTS = 300, 5_000, 6_000
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
PUT_EVENTS, RULE_DELIVERIES = 10_000, 18_750
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""
TABLE_WRITES = 40_000
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"""
FIFO_TOPIC_MESSAGES, FIFO_GROUP_MESSAGES = 30_000, 300
"""https://docs.aws.amazon.com/general/latest/gr/sns.html"""
DSQL_BURST = 1_000
"""https://docs.aws.amazon.com/aurora-dsql/latest/userguide/CHAP_quotas.html"""
SES_RATE = 14
"""Outside the sandbox, to begin with; in it, one a second.
https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas.html
"""
INSTANCE_VCPUS, VCPUS_PER_INSTANCE = 32, 2
"""A new account has 5.
https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
"""
