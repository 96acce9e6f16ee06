"""Which keys a fault applies to."""

from simulators.card_provider.faults import Fault


def test_fault_applies_to_a_constant_share_of_the_keys():
    fault = Fault(moment="before", percent=30)
    keys = [str(number) for number in range(1000)]
    having = [key for key in keys if fault.applies_to("charge", key)]
    assert 250 < len(having) < 350
    assert having == [key for key in keys if fault.applies_to("charge", key)]
    assert having != [key for key in keys if fault.applies_to("refund", key)]
