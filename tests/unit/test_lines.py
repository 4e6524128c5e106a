"""LineSplitter: the same lines however the bytes arrive, and lines that tile the file."""

import re
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.events import RawLine
from parsers.lines import HOLE_BYTES, KEPT_BYTES_OF_LONG_LINE, MAX_LINE_BYTES, LineSplitter

PIECES = st.lists(
    st.sampled_from(
        [
            b"a",
            b"bc",
            b"\n",
            b"\r",
            b"\r\n",
            b"\0",
            b"\xff",
            b"\x85",
            b"\xe2\x80\xa8",
            b"",
            bytes(5),
            bytes(8),
            bytes(30),
        ]
    )
)
DATA = PIECES.map(b"".join)
Hole: TypeAlias = tuple[int, int]


def split_with_holes(
    chunks: list[bytes], *, splits_at_cr: bool = False, offset: int = 0, limit: int = 1 << 20
) -> list[RawLine | Hole]:
    """Lines and holes in their order in the file."""
    splitter = LineSplitter(offset, splits_at_cr=splits_at_cr, max_line_bytes=limit)
    found: list[RawLine | Hole] = []
    for chunk in chunks:
        for line in splitter.feed(chunk):
            found += [*splitter.take_holes(), line]
        found += splitter.take_holes()
        end = found[-1] if found else (offset, offset)
        assert splitter.offset == (end.end if isinstance(end, RawLine) else end[1])
    for line in splitter.flush():
        found += [*splitter.take_holes(), line]
    return found + splitter.take_holes()


def split(chunks: list[bytes], *, splits_at_cr: bool = False, offset: int = 0, limit: int = 1 << 20) -> list[RawLine]:
    found = split_with_holes(chunks, splits_at_cr=splits_at_cr, offset=offset, limit=limit)
    return [item for item in found if isinstance(item, RawLine)]


def chunked(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def assert_tiles(found: list[RawLine | Hole], data: bytes, offset: int) -> None:
    at = offset
    for item in found:
        if isinstance(item, tuple):
            start, end = item
            assert end - start >= HOLE_BYTES
            assert data[start - offset : end - offset].strip(b"\0") == b""
        else:
            start, end = item.start, item.end
            whole = data[start - offset : end - offset]
            assert whole.startswith(item.data)
            assert whole.endswith(item.terminator)
            assert item.clipped or whole == item.data + item.terminator
        assert start == at
        assert end > start
        at = end
    assert at == offset + len(data)


@given(DATA, st.booleans(), st.integers(0, 10**12))
def test_lines_and_holes_tile_the_input(data: bytes, splits_at_cr: bool, offset: int) -> None:
    found = split_with_holes([data], splits_at_cr=splits_at_cr, offset=offset)

    assert_tiles(found, data, offset)
    assert not any(isinstance(item, RawLine) and item.clipped for item in found)
    assert not any(isinstance(item, RawLine) and item.data.startswith(bytes(HOLE_BYTES)) for item in found)


@given(DATA, st.booleans())
def test_every_chunk_size_gives_the_same_lines(data: bytes, splits_at_cr: bool) -> None:
    whole = split_with_holes([data], splits_at_cr=splits_at_cr)

    for size in range(1, len(data) + 1):
        assert split_with_holes(chunked(data, size), splits_at_cr=splits_at_cr) == whole


@given(st.lists(DATA, max_size=8), st.booleans())
def test_any_chunking_gives_the_same_lines(chunks: list[bytes], splits_at_cr: bool) -> None:
    whole = split_with_holes([b"".join(chunks)], splits_at_cr=splits_at_cr)

    assert split_with_holes(chunks, splits_at_cr=splits_at_cr) == whole


def without_hole(part: bytes) -> bytes:
    return part.lstrip(b"\0") if part.startswith(bytes(HOLE_BYTES)) else part


@given(DATA)
def test_without_cr_only_a_line_feed_ends_a_line(data: bytes) -> None:
    parts = [without_hole(part) for part in data.split(b"\n")]
    expected = [part.removesuffix(b"\r") for part in parts[:-1]] + [part for part in parts[-1:] if part]

    assert [line.data for line in split([data])] == expected


@given(DATA)
def test_with_cr_each_of_the_three_ends_ends_a_line(data: bytes) -> None:
    parts = [without_hole(part) for part in re.split(rb"\r\n|\r|\n", data)]
    expected = parts[:-1] + [part for part in parts[-1:] if part]

    assert [line.data for line in split([data], splits_at_cr=True)] == expected


@given(DATA, st.booleans(), st.integers(0, 6), st.integers(1, 7))
def test_a_limit_bounds_every_line_and_loses_no_offset(
    data: bytes, splits_at_cr: bool, limit: int, chunk_size: int
) -> None:
    whole = split([data], splits_at_cr=splits_at_cr)

    found = split_with_holes(chunked(data, chunk_size), splits_at_cr=splits_at_cr, limit=limit)

    assert_tiles(found, data, 0)
    limited = [item for item in found if isinstance(item, RawLine)]
    assert [(line.start, line.end) for line in limited] == [(line.start, line.end) for line in whole]
    assert all(short.data == full.data for short, full in zip(limited, whole, strict=True) if len(full.data) <= limit)


@given(st.lists(st.sampled_from([0, 1, 9, 10, 11, 12, 13, 30, 70]), max_size=5), st.booleans(), st.data())
def test_lines_around_the_limit_do_not_depend_on_the_chunks(
    lengths: list[int], splits_at_cr: bool, data: st.DataObject
) -> None:
    ends = data.draw(st.lists(st.sampled_from([b"\n", b"\r\n"]), min_size=len(lengths), max_size=len(lengths)))
    text = b"".join(b"x" * length + end for length, end in zip(lengths, ends, strict=True))
    whole = split([text], splits_at_cr=splits_at_cr, limit=10)

    for size in range(1, len(text) + 1):
        assert split(chunked(text, size), splits_at_cr=splits_at_cr, limit=10) == whole, size


def test_a_half_line_is_never_consumed() -> None:
    splitter = LineSplitter(100)

    assert list(splitter.feed(b'{"a":')) == []
    assert (splitter.offset, splitter.pending_bytes) == (100, 5)

    assert list(splitter.feed(b"1}\nx")) == [RawLine(100, 108, b'{"a":1}')]
    assert (splitter.offset, splitter.pending_bytes) == (108, 1)


def test_a_cr_at_the_end_of_the_buffer_waits_for_its_line_feed() -> None:
    """B16: one record, not two."""
    splitter = LineSplitter(splits_at_cr=True)

    assert list(splitter.feed(b"frame=1\r")) == []
    assert list(splitter.feed(b"\n")) == [RawLine(0, 9, b"frame=1", b"\r\n")]


def test_a_cr_at_the_end_of_the_buffer_ends_a_line_once_another_byte_comes() -> None:
    splitter = LineSplitter(splits_at_cr=True)

    assert list(splitter.feed(b"frame=1\r")) == []
    assert list(splitter.feed(b"f")) == [RawLine(0, 8, b"frame=1", b"\r")]


@pytest.mark.parametrize("odd", ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_no_other_character_ends_a_line(odd: str) -> None:
    """B17."""
    data = f"a{odd}b\n".encode()

    assert [line.data for line in split([data])] == [data[:-1]]
    assert [line.data for line in split([data], splits_at_cr=True)] == [data[:-1]]


def test_flush_gives_a_last_line_without_terminator() -> None:
    assert split([b"a\nb"])[-1] == RawLine(2, 3, b"b", b"")
    assert split([b"a\nb\r"])[-1] == RawLine(2, 4, b"b\r", b"")
    assert split([b"a\nb\r"], splits_at_cr=True)[-1] == RawLine(2, 4, b"b", b"\r")


def test_flush_of_nothing_gives_nothing() -> None:
    assert split([]) == []
    assert split([b""]) == []
    assert split([b"a\n"]) == [RawLine(0, 2, b"a")]


def test_a_line_just_within_the_limit_is_whole_and_one_byte_more_is_clipped() -> None:
    """B23."""
    fits, too_long = b"x" * MAX_LINE_BYTES, b"x" * (MAX_LINE_BYTES + 1)

    whole, clipped, after = split([fits + b"\n" + too_long + b"\nafter\n"])

    assert (len(whole.data), whole.clipped) == (MAX_LINE_BYTES, False)
    assert (len(clipped.data), clipped.clipped) == (KEPT_BYTES_OF_LONG_LINE, True)
    assert clipped.end - clipped.start == MAX_LINE_BYTES + 2
    assert after.data == b"after"


@pytest.mark.parametrize("splits_at_cr", [False, True])
def test_a_line_far_above_the_limit_takes_no_memory(splits_at_cr: bool) -> None:
    """B24: 100 MB without an end, then a line that is read again."""
    splitter = LineSplitter(splits_at_cr=splits_at_cr)
    block = b"x" * (1 << 20)

    for _ in range(100):
        assert list(splitter.feed(block)) == []
        assert len(splitter._buffer) <= MAX_LINE_BYTES + 2
    assert splitter.offset == 0
    assert splitter.pending_bytes == 100 << 20

    clipped, good = splitter.feed(b"x\ngood\n")
    assert (clipped.start, clipped.end, clipped.clipped) == (0, (100 << 20) + 2, True)
    assert good == RawLine(clipped.end, clipped.end + 5, b"good")


def test_many_tiny_lines_come_out_one_by_one() -> None:
    """B33."""
    lines = split([b"a\n" * 100_000])

    assert len(lines) == 100_000
    assert lines[-1] == RawLine(199_998, 200_000, b"a")


def test_a_hole_waits_for_the_byte_behind_it() -> None:
    """Half a hole, or one at a file's end, is not consumed: more of it may come."""
    splitter = LineSplitter(100)

    assert list(splitter.feed(b"a\n" + bytes(20))) == [RawLine(100, 102, b"a")]
    assert (splitter.offset, splitter.pending_bytes, splitter.take_holes()) == (102, 20, [])

    assert list(splitter.feed(bytes(20))) == []
    assert (splitter.offset, splitter.pending_bytes, splitter.take_holes()) == (102, 40, [])

    assert list(splitter.feed(b"b")) == []
    assert (splitter.offset, splitter.pending_bytes, splitter.take_holes()) == (142, 1, [(102, 142)])

    assert list(splitter.feed(b"\n")) == [RawLine(142, 144, b"b")]
    assert splitter.take_holes() == []


@pytest.mark.parametrize("splits_at_cr", [False, True])
@pytest.mark.parametrize("in_line", [False, True])
def test_nuls_that_are_passed_are_as_nuls_that_are_fed(splits_at_cr: bool, in_line: bool) -> None:
    """In a hole, and in the rest of a line that is too long anyway."""
    beginning, count = (b"x" * 200 if in_line else bytes(30)), 1000
    fed = split_with_holes([beginning, bytes(count), b"end\nnext\n"], splits_at_cr=splits_at_cr, limit=100)

    splitter = LineSplitter(splits_at_cr=splits_at_cr, max_line_bytes=100)
    assert not splitter.passes_nuls
    assert list(splitter.feed(beginning)) == []
    assert splitter.passes_nuls
    splitter.pass_nuls(count)
    lines = list(splitter.feed(b"end\nnext\n"))

    assert [*splitter.take_holes(), *lines] == fed


def test_a_few_nuls_are_the_lines_business() -> None:
    assert split([bytes(HOLE_BYTES - 1) + b"a\n"]) == [RawLine(0, HOLE_BYTES + 1, bytes(HOLE_BYTES - 1) + b"a")]
    assert split([b"a" + bytes(100) + b"b\n"]) == [RawLine(0, 103, b"a" + bytes(100) + b"b")]
    assert split([b"a\r" + bytes(100) + b"b\n"]) == [RawLine(0, 104, b"a\r" + bytes(100) + b"b")]
    assert split([b"a\r" + bytes(100) + b"b\n"], splits_at_cr=True) == [
        RawLine(0, 2, b"a", b"\r"),
        RawLine(102, 104, b"b"),
    ]


def test_a_hole_takes_no_memory() -> None:
    splitter = LineSplitter()
    zeros = bytes(1 << 20)

    for _ in range(100):
        assert list(splitter.feed(zeros)) == []
        assert splitter._buffer == b""
    assert list(splitter.feed(b"good\n")) == [RawLine(100 << 20, (100 << 20) + 5, b"good")]
    assert splitter.take_holes() == [(0, 100 << 20)]
