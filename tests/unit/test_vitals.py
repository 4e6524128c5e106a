"""Who is late: a pure question of steps, rests and waiting."""

import os
import threading
from collections.abc import Callable

import pytest

from ingest.vitals import Vitals, watchdog_seconds


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.waiting: set[int] = set()

    def __call__(self) -> float:
        return self.now


def vitals(clock: Clock) -> Vitals:
    return Vitals(10.0, lambda: clock.waiting, clock)


def run_in_thread(says: Callable[[str], None], part: str, clock: Clock) -> None:
    """A thread says something and waits for the database from then on."""

    def work() -> None:
        says(part)
        clock.waiting.add(threading.get_ident())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_a_part_is_late_when_its_step_takes_longer_than_it_may() -> None:
    clock = Clock()
    one = vitals(clock)
    one.step("loop")
    clock.now += 10
    assert one.late() == {}
    clock.now += 0.1
    assert one.late() == {"loop": {threading.get_ident()}}
    one.step("loop")
    assert one.late() == {}


def test_a_rest_is_added_and_a_part_that_is_done_is_never_late() -> None:
    clock = Clock()
    one = vitals(clock)
    one.step("loop", 30)
    one.step("bookkeeper")
    clock.now += 39
    assert one.late().keys() == {"bookkeeper"}
    one.done("bookkeeper")
    assert one.late() == {}


def test_who_waits_in_time_has_all_of_its_time_again_afterwards() -> None:
    clock = Clock()
    one = vitals(clock)
    one.step("loop")
    clock.waiting = {threading.get_ident()}
    for _ in range(10):
        clock.now += 9
        assert one.late() == {}
    clock.waiting = set()
    clock.now += 9
    assert one.late() == {}
    clock.now += 2
    assert one.late().keys() == {"loop"}


def test_the_waiting_of_another_part_excuses_nobody() -> None:
    clock = Clock()
    one = vitals(clock)
    one.step("loop")
    run_in_thread(one.step, "bookkeeper", clock)
    clock.now += 11
    assert one.late().keys() == {"loop"}


def test_a_helping_thread_that_waits_excuses_the_part_that_waits_for_it() -> None:
    clock = Clock()
    one = vitals(clock)
    one.step("loop")
    run_in_thread(one.join, "loop", clock)
    clock.now += 11
    assert one.late() == {}


def test_what_systemd_wants_is_read_as_it_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert watchdog_seconds() is None
    for text, seconds in (("3000000", 3.0), ("0", None), ("soon", None), ("", None)):
        monkeypatch.setenv("WATCHDOG_USEC", text)
        assert watchdog_seconds() == seconds
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert watchdog_seconds() == 3.0
    monkeypatch.setenv("WATCHDOG_PID", str(os.getppid()))
    assert watchdog_seconds() is None
