"""What to do with a file: a table of cases, and a model of copies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.follow import Continue, New, Read, Recognised, Restart, Twin, Wait, decide, recognise
from ingest.identity import WINDOW_BYTES, Checkpoint, FileId, Observed, fingerprint

CONTENT = bytes(range(256)) * 64


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


def look(content: bytes, known: list[Checkpoint], *, present: bool = False, live_name: bool = False) -> Recognised:
    return recognise(known, lambda at, n: content[at : at + n], lambda _: present, live_name=live_name)


@pytest.mark.parametrize(
    ("length", "present", "live_name", "expected"),
    [
        (6000, False, False, Continue(1)),  # rotated away, with an unread tail
        (6000, True, False, Wait),  # copytruncate between copy and truncation
        (5000, False, False, Twin(1)),  # read to its end
        (5000, True, False, Twin(1)),
        (4500, False, False, Wait),  # a copy that is still being written
        (6000, True, True, New),  # the next run of a program that always begins alike
        (4500, True, True, New),
        (4500, False, True, New),
        (5000, False, True, Twin(1)),  # moved here from another file system
        (6000, False, True, Continue(1)),
    ],
)
def test_copies(length: int, present: bool, live_name: bool, expected: object) -> None:
    found = look(CONTENT[:length], [checkpoint(CONTENT, 5000)], present=present, live_name=live_name)
    assert found == expected if isinstance(expected, tuple) else isinstance(found, expected)  # type: ignore[arg-type]


def test_the_same_beginning_is_no_proof() -> None:
    other = CONTENT[:WINDOW_BYTES] + b"x" * 4000
    assert look(other, [checkpoint(CONTENT, 8000)]) == New()


def test_a_generation_of_which_nothing_was_read_proves_nothing() -> None:
    empty = checkpoint(b"", 0)
    assert look(CONTENT, [empty]) == New()


@given(read=st.integers(1, len(CONTENT)), copied=st.integers(0, len(CONTENT)))
def test_a_copy_never_becomes_a_new_file(read: int, copied: int) -> None:
    """Whatever part of a file was read and copied, a rotated copy with its head is recognised."""
    known = checkpoint(CONTENT, read, head=fingerprint(CONTENT[: min(read, WINDOW_BYTES)]))
    found = look(CONTENT[:copied], [known])
    if copied < known.head.length:
        assert found == New()
    elif copied < read:
        assert isinstance(found, Wait)
    else:
        assert found == (Twin(1) if copied == read else Continue(1))
