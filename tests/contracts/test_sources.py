"""Each event has one source, that of its service, and an id of its own."""

from lambdas.contracts.envelope import envelope
from lambdas.contracts.event import Event
from lambdas.contracts.orders import OrderPlaced
from lambdas.contracts.parsing import parse_detail
from stacks.backbone.stack import SERVICE_SOURCE_PREFIX
from tests.contracts.catalog import EVENTS, detail_of
from tools.contract_modules import declared, services


class TestSources:
    def test_each_service_has_its_own_source(self):
        sources = [module.SOURCE for module in services().values()]

        assert len(set(sources)) == len(sources) >= 4

    def test_source_has_its_services_name(self):
        for name, module in services().items():
            assert f"{SERVICE_SOURCE_PREFIX}{name}" == module.SOURCE

    def test_event_has_the_source_of_its_service(self):
        for module in services().values():
            assert {event.source for event in module.EVENTS} <= {module.SOURCE}

    def test_every_event_is_listed(self):
        for module in services().values():
            assert set(declared(module, Event)) == set(module.EVENTS), module.__name__

    def test_source_and_type_identify_an_event(self):
        identities = [(event.source, event.detail_type) for event in EVENTS]

        assert len(set(identities)) == len(identities)

    def test_event_id_differs_by_subject_and_sequence(self):
        def id_of(subject: str, sequence: int, event: Event) -> str:
            first = envelope(
                event,
                subject=subject,
                sequence=sequence,
                correlation_id="c",
                causation_id="c",
                occurred_at="2026-12-01T00:00:00Z",
            )
            return first.metadata.event_id

        placed = parse_detail(OrderPlaced, detail_of(OrderPlaced)).data
        ids = {id_of(s, n, placed) for s in ("1", "11") for n in (1, 2, 11)}

        assert len(ids) == 6
