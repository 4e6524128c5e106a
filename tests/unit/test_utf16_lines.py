"""UTF-16 is read as lines of UTF-8 whose offsets are those of the file's bytes."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.encodings import Splitter, Utf16Splitter, encoding_of, splitter_for, to_utf8
from parsers.events import RawLine
from parsers.lines import HOLE_BYTES, LineSplitter

ENCODINGS = ["utf-16-le", "utf-16-be"]
MARKS = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}

encodings = st.sampled_from(ENCODINGS)
# Characters of one to four bytes of UTF-8, those with a newline's byte in them, line ends, NUL, and lone surrogates.
PIECES = st.sampled_from(
    [
        "a",
        "bc",
        "ü",
        "€",
        "😀",
        "\u0a0d",
        "\u0d0a",
        "\u010a",
        "\n",
        "\r",
        "\r\n",
        "\0",
        "\0" * 8,
        "\0" * 30,
        "\ud83d",
        "\ude00",
        "\ufeff",
    ]
)
TEXT = st.lists(PIECES, max_size=30).map("".join)


def packed(text: str, encoding: str) -> bytes:
    return text.encode(encoding, "surrogatepass")


def expected(text: str, encoding: str, offset: int, **options: bool | int) -> list[RawLine | tuple[int, int]]:
    """What `LineSplitter` makes of the same text in UTF-8, at the places of UTF-16."""
    joined = packed(text, encoding).decode(encoding, "surrogatepass")  # halves that meet are a whole
    utf8 = b"".join(b"\xff" if "\ud800" <= char <= "\udfff" else char.encode() for char in joined)
    places, at = {0: 0}, 0
    for char in joined:
        size = 1 if "\ud800" <= char <= "\udfff" else len(char.encode())
        places[at + size] = places[at] + (4 if char > "\uffff" else 2)
        at += size
    return [
        (offset + places[item[0]], offset + places[item[1]])
        if isinstance(item, tuple)
        else RawLine(
            offset + places[item.start], offset + places[item.end], item.data, item.terminator,
            1 if item.clipped else places[item.end] - places[item.start],
        )
        for item in fed(LineSplitter(**options), [utf8])  # type: ignore[arg-type]
    ]  # fmt: skip


def fed(splitter: Splitter, chunks: list[bytes]) -> list[RawLine | tuple[int, int]]:
    found: list[RawLine | tuple[int, int]] = []
    offset, given_bytes = splitter.offset, 0
    for chunk in chunks:
        for line in splitter.feed(chunk):
            found += [*splitter.take_holes(), line]
        found += splitter.take_holes()
        given_bytes += len(chunk)
        assert splitter.offset + splitter.pending_bytes == offset + given_bytes
        last = found[-1] if found else (offset, offset)
        assert splitter.offset == (last.end if isinstance(last, RawLine) else last[1])
    for line in splitter.flush():
        found += [*splitter.take_holes(), line]
    found += splitter.take_holes()
    assert splitter.pending_bytes == 0
    return found


@given(TEXT, encodings, st.booleans(), st.integers(0, 10**9).map(lambda n: 2 * n), st.sampled_from([5, 1 << 20]))
def test_lines_and_places_are_those_of_the_same_text(
    text: str, encoding: str, splits_at_cr: bool, offset: int, limit: int
) -> None:
    splitter = Utf16Splitter(encoding, offset, splits_at_cr=splits_at_cr, max_line_bytes=limit)

    found = fed(splitter, [packed(text, encoding)])

    assert found == expected(text, encoding, offset, splits_at_cr=splits_at_cr, max_line_bytes=limit)


@given(TEXT, encodings, st.booleans(), st.sampled_from([b"", b"x", b"\xd8"]), st.sampled_from([5, 1 << 20]))
def test_every_chunk_size_gives_the_same(text: str, encoding: str, splits_at_cr: bool, odd: bytes, limit: int) -> None:
    data = packed(text, encoding) + odd

    def split(chunks: list[bytes]) -> list[RawLine | tuple[int, int]]:
        return fed(Utf16Splitter(encoding, splits_at_cr=splits_at_cr, max_line_bytes=limit), chunks)

    whole = split([data])
    ends = [item.end if isinstance(item, RawLine) else item[1] for item in whole]
    starts = [item.start if isinstance(item, RawLine) else item[0] for item in whole]
    assert [0, *ends] == [*starts, len(data)], "tiles"
    for size in range(1, len(data) + 1):
        assert split([data[at : at + size] for at in range(0, len(data), size)]) == whole, size


@given(TEXT, encodings, st.integers(0, 100))
def test_it_goes_on_at_any_line(text: str, encoding: str, cut: int) -> None:
    """A restart at a checkpoint gives what one reading gives."""
    data = packed(text, encoding)
    first = Utf16Splitter(encoding)
    before: list[RawLine | tuple[int, int]] = []
    for line in first.feed(data[:cut]):
        before += [*first.take_holes(), line]
    before += first.take_holes()

    after = fed(Utf16Splitter(encoding, first.offset), [data[first.offset :]])

    assert before + after == fed(Utf16Splitter(encoding), [data])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_odd_byte_is_half_a_line(encoding: str) -> None:
    splitter = Utf16Splitter(encoding)
    data = packed("ab\ncd", encoding)

    assert list(splitter.feed(data + packed("\n", encoding)[:1])) == [RawLine(0, 6, b"ab", b"\n", 6)]
    assert (splitter.offset, splitter.pending_bytes) == (6, 5)
    assert list(splitter.feed(packed("\n", encoding)[1:])) == [RawLine(6, 12, b"cd", b"\n", 6)]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(("half", "data"), [(b"\x20", b"x\xff"), (b"\xd8", b"x\xff")])
def test_half_a_character_at_a_finished_files_end_is_marked(encoding: str, half: bytes, data: bytes) -> None:
    splitter = Utf16Splitter(encoding)
    assert list(splitter.feed(packed("x", encoding) + half)) == []
    assert list(splitter.flush()) == [RawLine(0, 3, data, b"", 3)]
    assert splitter.offset == 3


def test_a_line_above_the_limit_is_clipped_and_no_other() -> None:
    """Its size in the file tells nothing: UTF-16 may be longer or shorter than UTF-8."""
    text = "é" * 10 + "\n" + "x" * 10 + "\n" + "x" * 11 + "\n" + "€" * 3 + "\n"
    lines = list(Utf16Splitter("utf-16-le", max_line_bytes=10).feed(packed(text, "utf-16-le")))
    assert [line.clipped for line in lines] == [True, False, True, False]
    assert [line.end - line.start for line in lines] == [22, 22, 24, 8]
    assert lines[3].data == "€€€".encode()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("count", [1000, 1001])
def test_nuls_that_are_passed_are_as_nuls_that_are_fed(encoding: str, count: int) -> None:
    rest = packed("\0", encoding)[: count % 2] + packed("end\n", encoding)
    whole = fed(Utf16Splitter(encoding), [bytes(40 + count) + rest])
    splitter = Utf16Splitter(encoding)
    list(splitter.feed(bytes(40)))
    assert splitter.passes_nuls
    splitter.pass_nuls(count)
    lines = list(splitter.feed(rest))
    assert [*splitter.take_holes(), *lines] == whole
    assert whole[0] == (0, 40 + count + count % 2)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xfe{\0", "utf-16-le"),
        (b"\xfe\xff\0{", "utf-16-be"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xff\xfe\0\0", ""),  # UTF-32
        (b"\0\0\xfe\xff", ""),
        (b"\xef\xbb\xbf{", ""),
        (b'{\0"\0', ""),
        (b"\xff", ""),
        (b"", ""),
    ],
)  # fmt: skip
def test_the_byte_order_mark_decides(head: bytes, expected: str) -> None:
    assert encoding_of(head) == expected
    assert isinstance(splitter_for(expected), Utf16Splitter if expected else LineSplitter)


def test_a_cut_beginning_is_decoded_as_far_as_it_goes() -> None:
    data = packed('{"a": "😀"}\n', "utf-16-be")
    for cut in range(len(data) + 1):
        assert '{"a": "😀"}\n'.encode().startswith(to_utf8(data[:cut], "utf-16-be"))
    assert to_utf8(b"\xff\0", "") == b"\xff\0"


def test_memory_is_bounded() -> None:
    splitter = Utf16Splitter("utf-16-le", max_line_bytes=1000)
    block = packed("x" * 50_000, "utf-16-le")
    for _ in range(100):
        assert list(splitter.feed(block)) == []
        assert len(splitter._inner._buffer) <= 1002
    (line,) = splitter.feed(packed("\n", "utf-16-le"))
    assert (line.start, line.end, line.clipped) == (0, 100 * len(block) + 2, True)


def test_holes_are_at_least_this_long() -> None:
    """In bytes of UTF-8, so twice as long in the file: characters of zeros are not confused with it."""
    short = fed(Utf16Splitter("utf-16-le"), [packed("\0" * (HOLE_BYTES - 1) + "a\n", "utf-16-le")])
    long = fed(Utf16Splitter("utf-16-le"), [packed("\0" * HOLE_BYTES + "a\n", "utf-16-le")])
    assert [type(item) for item in (*short, *long)] == [RawLine, tuple, RawLine]
