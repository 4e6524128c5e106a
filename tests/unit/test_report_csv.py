"""PostgreSQL's CSV becomes RFC 4180 however the stream is cut; text is defused."""

import csv
import io
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reports.csv_stream import CsvStream
from reports.export_analytics import defused

cells = st.text(st.sampled_from('ab",;\n\r\x1b=- \u00e4\uff1d\x7f'), max_size=8)
records = st.lists(st.lists(cells, min_size=2, max_size=3), min_size=1, max_size=6)


def as_postgres_writes(rows: list[list[str]]) -> bytes:
    def quoted(cell: str) -> str:
        doubled = cell.replace('"', '""')
        return f'"{doubled}"'  # every text, as FORCE_QUOTE has it

    return "".join(",".join(map(quoted, row)) + "\n" for row in rows).encode()


@given(records, st.lists(st.integers(0, 200), max_size=6), st.booleans())
def test_any_cut_gives_the_same_records(rows: list[list[str]], cuts: list[int], excel: bool) -> None:
    data, target = as_postgres_writes(rows), io.BytesIO()
    stream = CsvStream(target, excel=excel)
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    for start, end in pairwise(edges):
        stream.write(data[start:end])
    stream.finish()
    text = target.getvalue().decode("utf-8-sig" if excel else "utf-8")
    assert target.getvalue().startswith(b"\xef\xbb\xbf") == excel
    read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    if excel:
        assert not any("\n" in cell or "\r" in cell for row in read for cell in row)
        assert [len(row) for row in read] == [len(row) for row in rows]
    else:
        assert read == [[defused(cell) for cell in row] for row in rows]
    assert not any(cell.startswith(tuple("=+-@\t\r\n")) for row in read for cell in row)
    assert stream.records == len(rows)
    assert text.endswith("\r\n")


@given(st.text(max_size=30))
def test_defused_text_is_no_formula_and_moves_no_cursor(text: str) -> None:
    shown = defused(text)
    assert not shown.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
    assert not [char for char in shown if (char < " " and char not in "\t\r\n") or char == "\x7f"]
    if text.isalpha():
        assert shown == text
