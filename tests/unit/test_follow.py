"""What to do with a file: a table of cases, and a model of copies."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.follow import (
    Continue,
    New,
    Read,
    Recognised,
    Restart,
    Standing,
    Twin,
    Wait,
    begins_with,
    decide,
    recognise,
    surviving_bytes,
)
from ingest.identity import WINDOW_BYTES, Checkpoint, FileId, Observed, fingerprint, hash_window, rung_offsets

CONTENT = bytes(range(255, -1, -1)) * 64  # no beginning of it is a hole


def checkpoint(content: bytes, offset: int, **changes: object) -> Checkpoint:
    known = Checkpoint(
        1, FileId(1, 2, 3), "/l/a.log", "/l/a.log", "boot", fingerprint(content[:WINDOW_BYTES]),
        fingerprint(content[max(0, offset - WINDOW_BYTES) : offset]), offset, len(content), 5, "active", "", "me", 1,
        "json", 1, {}, 0,
    )  # fmt: skip
    return known._replace(**changes)  # type: ignore[arg-type]


def observed(size: int) -> Observed:
    return Observed("/l/a.log", FileId(1, 2, 3), size, 0)


def test_a_file_that_still_holds_what_was_read_is_read_on() -> None:
    known = checkpoint(CONTENT, 5000)
    assert decide(known, observed(9000), CONTENT[5000 - WINDOW_BYTES : 5000]) == Read(5000)


def test_nothing_is_decided_without_looking() -> None:
    assert isinstance(decide(checkpoint(CONTENT, 5000), observed(5000), None), Wait)


def test_a_shorter_file_was_truncated_and_the_unread_bytes_are_counted() -> None:
    known = checkpoint(CONTENT, 5000, size_bytes=5600)
    assert decide(known, observed(4999), None) == Restart("truncated", 600)


def test_a_regrown_file_is_told_by_its_bytes() -> None:
    known = checkpoint(CONTENT, 5000, size_bytes=5000)
    assert decide(known, observed(9000), b"x" * WINDOW_BYTES) == Restart("rewritten", 0)


def test_the_same_bytes_before_the_offset_in_another_life_of_the_file() -> None:
    known, before = checkpoint(CONTENT, 5000), CONTENT[5000 - WINDOW_BYTES : 5000]
    assert decide(known, observed(9000), before, CONTENT[: known.head.length]) == Read(5000)
    assert isinstance(decide(known, observed(9000), before, b"x" * known.head.length), Restart)


def ladder_of(content: bytes) -> list[tuple[int, bytes]]:
    return [(at, hash_window(content[max(0, at - WINDOW_BYTES) : at])) for at in rung_offsets(0, len(content))]


def look(
    content: bytes,
    known: list[Checkpoint],
    *,
    standing: Standing = Standing.GONE,
    live_name: bool = False,
    read: bytes = CONTENT,
) -> Recognised:
    """Recognise a file by its content; of the known ones `read` was read, and their ladders tell what it was."""

    def window(at: int, length: int) -> bytes:
        return content[at : at + length]

    def begins(other: Checkpoint) -> bool:
        return begins_with(len(content), window, ladder_of(read[: other.offset]))

    return recognise(known, window, lambda _: standing, begins, live_name=live_name)


@pytest.mark.parametrize(
    ("length", "standing", "live_name", "expected"),
    [
        (6000, Standing.GONE, False, Continue(1)),  # rotated away, with an unread tail
        (6000, Standing.PRESENT, False, Wait),  # copytruncate between copy and truncation
        (6000, Standing.OVER, False, New),  # begins like a file that ended: another run of the same program
        (5000, Standing.GONE, False, Twin(1)),  # read to its end
        (5000, Standing.PRESENT, False, Twin(1)),
        (5000, Standing.OVER, False, Twin(1)),
        (4500, Standing.GONE, False, Twin(1)),  # a copy of what stood there when less was read
        (3000, Standing.PRESENT, False, Twin(1)),  # a copy that is still being written
        (6000, Standing.PRESENT, True, New),  # the next run of a program that always begins alike
        (4500, Standing.PRESENT, True, New),
        (4500, Standing.GONE, True, New),
        (5000, Standing.GONE, True, Twin(1)),  # moved here from another file system
        (6000, Standing.GONE, True, Continue(1)),
        (0, Standing.GONE, False, New),
    ],
)
def test_copies(length: int, standing: Standing, live_name: bool, expected: object) -> None:
    found = look(CONTENT[:length], [checkpoint(CONTENT, 5000)], standing=standing, live_name=live_name)
    assert found == expected if isinstance(expected, tuple) else isinstance(found, expected)  # type: ignore[arg-type]


def test_the_same_beginning_is_no_proof() -> None:
    other = CONTENT[:WINDOW_BYTES] + b"x" * 4000
    assert look(other, [checkpoint(CONTENT, 8000)]) == New()


@pytest.mark.parametrize("length", [2300, 3000, 4000, 4300, 6000, 7999, 9000])
def test_a_shorter_run_of_a_program_that_always_begins_alike_is_not_taken_for_a_copy(length: int) -> None:
    """Two logs of FFmpeg share their first two kilobytes; the shorter one differs in what it says then."""
    shorter = (CONTENT[:2000] + bytes(reversed(CONTENT)))[:length]
    assert look(shorter, [checkpoint(CONTENT, 10000)]) == New()


def test_a_hole_proves_nothing() -> None:
    """Two logs that stale writers have filled with NULs up to where nothing was read yet."""
    hole = b"\0" * 20_000
    assert look(hole + CONTENT, [checkpoint(hole, 10_000)], read=hole) == New()
    assert look(hole[:9000] + CONTENT[:50], [checkpoint(hole, 20_000)], read=hole) == New()


def test_a_generation_of_which_nothing_was_read_proves_nothing() -> None:
    empty = checkpoint(b"", 0)
    assert look(CONTENT, [empty]) == New()


@given(read=st.integers(1, len(CONTENT)), copied=st.integers(1, len(CONTENT)))
def test_a_copy_never_becomes_a_new_file(read: int, copied: int) -> None:
    """Whatever part of a file was read and copied, a rotated copy of more than a few bytes is recognised."""
    known = checkpoint(CONTENT, read, head=fingerprint(CONTENT[: min(read, WINDOW_BYTES)]))
    found = look(CONTENT[:copied], [known])
    if copied > read:
        assert found == Continue(1)
    elif copied == read or copied >= 256:
        assert found == Twin(1)
    else:  # too little to tell
        assert found == New()


@given(after=st.integers(0, 9 << 20), up_to=st.integers(0, 9 << 20))
def test_the_ladder_has_the_same_rungs_wherever_reading_goes_on(after: int, up_to: int) -> None:
    rungs = [at for at in rung_offsets(0, up_to) if at > after]
    assert list(rung_offsets(after, up_to)) == rungs


class TestPowerCut:
    """What a power cut leaves of a file that was read to its end."""

    whole = random.Random(7).randbytes(300_000).replace(b"\0", b"x")

    def left(self, content: bytes, *, appended: bool = False, read: int = 300_000) -> int | None:
        known = checkpoint(self.whole, read)
        ladder = ladder_of(self.whole[:read])
        return surviving_bytes(known, len(content), lambda at, n: content[at : at + n], ladder, appended=appended)

    @pytest.mark.parametrize("kept", [300, 5000, 65_537, 299_999])
    def test_a_lost_tail(self, kept: int) -> None:
        assert self.left(self.whole[:kept]) == kept

    @pytest.mark.parametrize("zeros", [1, 500, 600_000])
    @pytest.mark.parametrize("appended", [b"", b"a new line\n"])
    def test_zeros_tell_where_the_lost_tail_began(self, zeros: int, appended: bytes) -> None:
        content = self.whole[:100_000] + b"\0" * zeros + appended
        assert self.left(content, appended=bool(appended)) == 100_000

    def test_where_new_lines_stand_in_its_place_nothing_is_lost(self) -> None:
        assert self.left(self.whole[:200_000] + b"new\n" * 10, appended=True) == 131_072

    def test_a_log_that_was_begun_anew_is_no_rest(self) -> None:
        assert self.left(self.whole[:2500] + b"new\n" * 10_000, appended=True) is None

    def test_another_content(self) -> None:
        assert self.left(self.whole[100:9000]) is None
        assert self.left(self.whole[:9000] + b"x" * 2000) is None

    def test_all_of_it_is_gone(self) -> None:
        assert self.left(b"") is None
        assert self.left(b"\0" * 20_000) is None
