"""The known bugs: what each replaces, and who has to find it."""

from collections.abc import Sequence
from dataclasses import dataclass

BY_SEEDS, BY_MODEL = "seeds", "model"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug: in a module, the text ``guard`` is replaced by ``instead``."""

    name: str
    module: str
    guard: str
    instead: str
    found_by: Sequence[str] = (BY_SEEDS, BY_MODEL)
    """Who has to find it. What nobody has to find breaks nothing within the model's bounds."""


MUTANTS = (
    Mutant(
        "a customer's open orders may exceed a limit",
        "lambdas.orders.customer_limits",
        "if problems:",
        "if False:",
        (BY_SEEDS,),
    ),
    Mutant(
        "a shipment that has left is cancelled all the same",
        "lambdas.shipping.domain",
        "if shipment.state == ShipmentState.DISPATCHED:\n        raise",
        "if False:\n        raise",
    ),
    Mutant(
        "stock is reserved again for an order that has a reservation",
        "lambdas.inventory.store",
        '"ConditionExpression": "attribute_not_exists(order_id)",\n'
        '                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",',
        "",
    ),
    Mutant(
        "units are reserved that are not there",
        "lambdas.inventory.writes",
        'conditions.append(f"{name} >= :{name}_needed")\n            values',
        "{}",
    ),
    Mutant(
        "a batch moves the units of a reservation that was decided before",
        "lambdas.inventory.writes",
        '"ConditionExpression": "#state = :old",',
        '"ConditionExpression": "attribute_exists(order_id) AND :old = :old",',
        found_by=(BY_SEEDS,),
    ),
    Mutant(
        "a customer cancels an order whose payment is disputed",
        "lambdas.orders.cancellation",
        "if new and order.is_disputed:",
        "if False:",
        (BY_SEEDS,),
    ),
    Mutant(
        "a cancellation during the saga is confirmed over",
        "stacks.constructs.saga.action_states",
        " AND attribute_not_exists({requested})",
        "",
    ),
    Mutant(
        "a claim is taken from an execution that is alive",
        "stacks.constructs.saga.definition",
        "OR {columns.claim_until} < :now)",
        "OR {columns.claim_until} > :now)",
    ),
    Mutant(
        "a refund that meets no charge leaves no tombstone",
        "lambdas.payments.charging",
        "charge = charges.find_or_create(tombstone(command.order_id))",
        "charge = tombstone(command.order_id)",
    ),
    Mutant(
        "a busy participant rejects the order",
        "stacks.constructs.saga.action_states",
        "*catch_failures(step.action.name, tasks.timeouts, next=DEFER),",
        '{"ErrorEquals": ["States.ALL"], "Next": "Undo", "Assign": {"reason": "TechnicalFailure",'
        ' "explanation": "busy", "undo_from": step.compensation.name}},',
    ),
    Mutant(
        "orders whose execution died are left alone",
        "lambdas.orders.stalled_orders",
        "not (order.claim_until and order.claim_until >= now)",
        "False",
    ),
    Mutant(
        "the ledger's outbox is not swept",
        "lambdas.payments.outbox",
        "rows = self._due_rows(left_out=list(unreadable))",
        "rows = []",
        found_by=(BY_SEEDS,),
    ),
    Mutant(
        "an order's row is written over what others wrote",
        "lambdas.orders.store",
        "self._table, old, new, version_attributes=VERSION_ATTRIBUTES",
        'self._table, old, new, version_attributes=("order_id",)',
        found_by=(BY_SEEDS,),
    ),
    Mutant(
        "a relay does not report the events that the bus rejected",
        "lambdas.runtime.relay",
        "dead_lettered=dead_lettered, failed=failed",
        "dead_lettered=dead_lettered, failed=[]",
        found_by=(BY_SEEDS,),
    ),
    Mutant(
        "a failed cancellation of a shipment does not stop the other compensations",
        "stacks.constructs.saga.compensation_states",
        "irreversible = step.irreversible if tasks.record.irreversible else ()",
        "irreversible = ()",
        found_by=(BY_MODEL,),
    ),
    Mutant(
        "a shipment that was cancelled before it was booked counts as booked",
        "lambdas.shipping.domain",
        "if shipment.state == ShipmentState.CANCELLED:\n        raise ShipmentAlreadyCancelled",
        "if False:\n        raise ShipmentAlreadyCancelled",
        found_by=(),
    ),
    Mutant(
        "a reservation that was released before it was made counts as made",
        "lambdas.inventory.domain",
        "if reservation.state in (ReservationState.RELEASING, ReservationState.RELEASED):",
        "if False:",
        found_by=(),
    ),
    Mutant(
        "a payment that was refunded before it was taken counts as taken",
        "lambdas.payments.domain",
        "if charge.state is State.REFUNDED:",
        "if False:",
        found_by=(),
    ),
    Mutant(
        "an order is claimed for its actions although it is to be cancelled",
        "stacks.constructs.saga.definition",
        'f" AND attribute_not_exists({column})" for column in decided',
        '"" for column in decided',
        found_by=(BY_MODEL,),
    ),
    Mutant(
        "a takeover undoes from the step that it was refused at",
        "stacks.constructs.saga.action_states",
        '{"Condition": "{% $taken_over %}", "Next": compensations[0]},',
        "",
        found_by=(),
    ),
    Mutant(
        "a payment that a refund overtook is kept",
        "lambdas.payments.charging",
        "if charge.state is State.REFUNDED and isinstance(result, Charged):",
        "if False:",
        found_by=(),
    ),
    Mutant(
        "an execution that lost its claim confirms",
        "stacks.constructs.saga.action_states",
        'f"{tasks.owns_claim} AND #state = :initial AND attribute_not_exists({requested})"',
        'f"NOT :me = #state AND #state = :initial AND attribute_not_exists({requested})"',
        found_by=(),
    ),
    Mutant(
        "an execution that lost its claim rejects",
        "stacks.constructs.saga.compensation_states",
        '        "{% $outcome %}",\n        condition=f"{tasks.owns_claim} AND',
        '        "{% $outcome %}",\n        condition=f"NOT :me = #state AND',
        found_by=(),
    ),
    Mutant(
        "what was picked leaves although it is held",
        "lambdas.shipping.domain",
        "return picked if shipment.held else",
        "return picked if False else",
        found_by=(BY_MODEL,),
    ),
    Mutant(
        "an older event about a hold overwrites a newer one",
        "lambdas.shipping.domain",
        "or sequence <= shipment.hold_sequence",
        "",
        found_by=(BY_MODEL,),
    ),
    Mutant(
        "a hold that comes before the booking is forgotten",
        "lambdas.shipping.domain",
        "held=awaited.held",
        "held=False",
        found_by=(BY_MODEL,),
    ),
    Mutant(
        "an event about a hold takes the number of an event of the saga",
        "lambdas.orders.holds",
        "out_of_band_events=order.out_of_band_events + 1",
        "out_of_band_events=order.out_of_band_events",
        found_by=(BY_MODEL,),
    ),
    Mutant(
        "a rejected order is to be checked for ever",
        "stacks.constructs.saga.compensation_states",
        """columns.closed_shard: tasks.shard,
        },
        remove=(columns.open_shard, columns.check_after, columns.dedup_bucket),""",
        """columns.closed_shard: tasks.shard,
        },
        remove=(columns.open_shard, columns.dedup_bucket),""",
        found_by=(BY_MODEL,),
    ),
    Mutant(
        "an order that a saga has claimed is cancelled at once",
        "lambdas.orders.cancellation",
        "OrderState.PLACED and not order.claimed_by:",
        "OrderState.PLACED:",
        found_by=(BY_MODEL,),
    ),
    Mutant(
        "the reason is not recorded before anything is undone",
        "stacks.constructs.saga.action_states",
        '"Next": "RecordReason"}',
        '"Next": "Undo"}',
        found_by=(BY_MODEL,),
    ),
    Mutant(
        "a deferral while undoing does not record the reason",
        "stacks.constructs.saga.deferral_states",
        'kept, why = tasks.keep_reason if undoing else ("", {})',
        'kept, why = "", {}',
        found_by=(),
    ),
    Mutant(
        "a hold that came too late is not reported",
        "lambdas.orders.mark_dispatched",
        "while order and order.held:",
        "while False:",
        found_by=(BY_MODEL,),
    ),
    Mutant(
        "a late booking overwrites the tombstone of its cancellation",
        "lambdas.shipping.store",
        "if kept.state != ShipmentState.AWAITED:",
        "if kept.state not in (ShipmentState.AWAITED, ShipmentState.CANCELLED):",
        found_by=(BY_MODEL,),
    ),
    Mutant(
        "a release that meets no reservation leaves no tombstone",
        "lambdas.inventory.store",
        "found = self._put_if_absent(",
        "found = (lambda tombstone: tombstone)(",
        found_by=(BY_MODEL,),
    ),
    Mutant(
        "the card provider forgets a refund that came before its charge",
        "simulators.card_provider.store",
        "if _void(table, key):",
        "if True:",
        found_by=(BY_MODEL,),
    ),
    Mutant(
        "a refund is recorded before the provider is called, which may fail",
        "lambdas.payments.charging",
        """        if charge.state is not State.DECLINED:
            provider.refund(command.order_id)
        charge = charges.transition(charge, mark_refunded(charge))
""",
        """        charge, before = charges.transition(charge, mark_refunded(charge)), charge
        if before.state is not State.DECLINED:
            provider.refund(command.order_id)
""",
        found_by=(BY_MODEL,),
    ),
)
