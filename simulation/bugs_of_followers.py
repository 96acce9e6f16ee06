"""Known bugs of the services that only follow what happens to orders."""

from simulation.mutant import BY_SEEDS, Mutant

MUTANTS = (
    Mutant(
        "a mail whose outcome is unknown is sent again",
        "lambdas.notifications.mail_sender",
        "if known is not None:",
        "if known is not None and known.state != SENDING:",
        found_by=(BY_SEEDS,),
    ),
    Mutant(
        "boto3 repeats the request of a mail",
        "lambdas.notifications.notify_customer",
        'ses=client("sesv2", SINGLE_ATTEMPT)',
        'ses=client("sesv2")',
        found_by=(BY_SEEDS,),
    ),
    Mutant(
        "an invoice is written over",
        "lambdas.notifications.store",
        'IfNoneMatch="*",',
        "",
        found_by=(BY_SEEDS,),
    ),
    Mutant(
        "an invoice that missed its confirmation is not mailed",
        "lambdas.notifications.notify_customer",
        "if invoice and not record.with_invoice:",
        "if False:",
        found_by=(BY_SEEDS,),
    ),
    Mutant(
        "an erasure leaves the customer in records of mails",
        "lambdas.notifications.store",
        "REMOVE customer_id, message_id",
        "REMOVE message_id",
        found_by=(BY_SEEDS,),
    ),
    Mutant(
        "an order's sale is counted whenever its event comes",
        "lambdas.storefront.store",
        '"attribute_not_exists(#partition_key)"',
        '"attribute_exists(#partition_key) OR attribute_not_exists(#partition_key)"',
        found_by=(BY_SEEDS,),
    ),
    Mutant(
        "a view takes an older event for a newer one",
        "lambdas.runtime.dynamodb",
        '"attribute_not_exists(#key) OR #sequence < :sequence"',
        '"attribute_not_exists(#key) OR #sequence <> :sequence"',
        found_by=(BY_SEEDS,),
    ),
    Mutant(
        "the list of orders shows the state that came last",
        "lambdas.storefront.order_upserts",
        "key=_numbers)",
        "key=lambda _: 0)",
        found_by=(BY_SEEDS,),
    ),
    Mutant(
        "a projection does not report the records that it failed at",
        "lambdas.runtime.consumer",
        "failed.append(id_)",
        "pass",
        found_by=(BY_SEEDS,),
    ),
    Mutant(
        "a batch fails at an event that nobody can read",
        "lambdas.runtime.consumer",
        "poison[id_] = str(reason)",
        "raise",
        found_by=(BY_SEEDS,),
    ),
)
