"""A write that takes effect when its execution has long gone on."""

from simulation import chance as kinds
from simulation.stories import STORIES, Incident, play_story


def test_late_rejection_does_not_take_back_the_number_of_a_later_event():
    undeliverable = next(story for story in STORIES if story.name == "undeliverable, Standard")
    failed = Incident("run inventory.release_stock #1", kinds.CRASH, lasts=True)

    run = play_story(undeliverable, (failed, Incident("Fulfilment Reject #1", kinds.LATE)))

    assert "the bus takes OrderNeedsAttention 3 v1" in [note.text for note in run.notes]
    assert (run.ended, run.problem) == ("REJECTED/AddressUndeliverable", "")
