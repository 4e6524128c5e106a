"""What no event announced: counted once it is sure, and told once."""

from ingest.silence import CHANGES, SILENT, Silence
from ingest.telemetry import Telemetry
from ingest.wake import Hints

NOTHING = Hints(frozenset(), tree_changed=False)


def silence() -> tuple[Silence, Telemetry]:
    telemetry = Telemetry(stream=None)
    return Silence(["/log", "/mnt/nfs"], telemetry), telemetry


def test_a_change_counts_when_the_next_sweep_comes_and_nobody_announced_it() -> None:
    judge, telemetry = silence()
    judge.swept({"/log/a.log"}, NOTHING, by_timer=True)
    assert "found_by_sweep" not in telemetry.counters
    judge.swept(set(), NOTHING, by_timer=True)
    assert telemetry.counters["found_by_sweep"] == 1
    judge.swept(set(), NOTHING, by_timer=True)
    assert telemetry.counters["found_by_sweep"] == 1


def test_an_event_that_was_on_its_way_announces_it() -> None:
    judge, telemetry = silence()
    judge.swept({"/log/a.log", "/log/b.log"}, Hints(frozenset({"/log/b.log"}), tree_changed=False), by_timer=True)
    judge.heard(Hints(frozenset({"/log/a.log"}), tree_changed=False))
    judge.swept(set(), NOTHING, by_timer=True)
    assert "found_by_sweep" not in telemetry.counters


def test_what_a_hinted_sweep_finds_was_announced() -> None:
    judge, telemetry = silence()
    judge.swept({"/log/a.log"}, Hints(frozenset(), tree_changed=True), by_timer=False)
    judge.swept(set(), NOTHING, by_timer=True)
    assert telemetry.state["unannounced"] == {"/log": [0, 1]}


def test_a_silent_folder_is_told_once_and_its_neighbour_is_not() -> None:
    judge, telemetry = silence()
    for number in range(SILENT + 5):
        judge.swept({f"/mnt/nfs/{number}.log"}, NOTHING, by_timer=True)
        judge.announced({"/log/a.log"})
    assert telemetry.counters["events_missing"] == 1
    assert telemetry.state["unannounced"]["/log"] == [0, CHANGES]
    assert telemetry.state["unannounced"]["/mnt/nfs"][0] >= SILENT


def test_a_folder_that_is_heard_again_may_fall_silent_again() -> None:
    judge, telemetry = silence()
    for _ in range(2):
        for number in range(CHANGES + 1):
            judge.swept({f"/mnt/nfs/{number}.log"}, NOTHING, by_timer=True)
        judge.heard(Hints(frozenset(), tree_changed=True))
        for _ in range(CHANGES):
            judge.announced({"/mnt/nfs/a.log"})
    assert telemetry.counters["events_missing"] == 2
