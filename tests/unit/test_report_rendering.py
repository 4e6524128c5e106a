"""Text, HTML and JSON of a report: the figures are there, hostile text is harmless, nothing is loaded from elsewhere."""

import json
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_kit import HOSTILE, WINDOW, empty_findings, findings, hostile_findings, outage, template, track, uptime

from reports.report.as_json import render_json
from reports.report.build import build
from reports.report.charts import heat_levels, sparkline
from reports.report.html import render_html
from reports.report.model import Heat
from reports.report.text import WIDTH, fitted, render_text, width_of
from reports.report.text import sparkline as text_sparkline
from reports.report.wording import duration, percent, visible
from reports.uptime import Span
from reports.window import Window

ALLOWED_ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "id", "width", "height", "aria-hidden", "aria-label",
    "aria-labelledby", "scope", "role", "viewbox", "preserveaspectratio", "patternunits", "patterntransform", "x", "y",
    "x1", "x2", "y1", "y2", "cx", "cy", "r", "points", "tabindex", "data-label",
}  # fmt: skip
ALLOWED_TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "main",
    "footer",
    "section",
    "p",
    "h1",
    "h2",
    "h3",
    "ul",
    "li",
    "span",
    "i",
    "div",
    "details",
    "summary",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "strong",
    "bdi",
    "code",
    "dl",
    "dt",
    "dd",
    "svg",
    "defs",
    "pattern",
    "rect",
    "polyline",
    "polygon",
    "circle",
    "line",
}
VOID = {"meta"}


class Page(HTMLParser):
    """Reads a page and remembers what a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.style = ""
        self.tables = self.charts = self.captions = 0
        self.headings: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        self.tables += tag == "table"
        self.captions += tag == "caption"
        self.headings += [tag] if re.fullmatch("h[1-6]", tag) else []
        self.charts += tag == "svg" and ("role", "img") in attrs

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


@pytest.mark.parametrize("made", [findings(), empty_findings(), hostile_findings()], ids=["usual", "empty", "hostile"])
def test_html_is_one_harmless_file(made: object) -> None:
    html = render_html(build(made))  # type: ignore[arg-type]
    page = Page(html)
    assert page.open == [], "every element is closed"
    assert page.tags <= ALLOWED_TAGS
    assert {name for name, _ in page.attributes} <= ALLOWED_ATTRIBUTES
    assert not [value for _, value in page.attributes if re.search(r"https?:|javascript:|data:", value)]
    assert not re.search(r"@import|url\((?!#)|expression", page.style)
    assert "default-src 'none'" in html
    assert len(html.encode()) < 500_000
    assert not [char for char in html if unicodedata.category(char) in {"Cc", "Cf", "Cs"} and char != "\n"]


def test_hostile_text_is_shown_as_it_was_but_visible() -> None:
    page = Page(render_html(build(hostile_findings())))
    assert "<script>alert(1)</script>" in page.text
    assert "abc\\u202egnp.exe" in page.text
    assert "\\x1b[31mred" in page.text
    assert "{{ 7*7 }}" in page.text
    assert "x" * 201 not in page.text


def test_html_says_what_the_report_says() -> None:
    made = findings(
        uptime=uptime(600.0, outages=(outage(findings().window.start, 600),)), top_tracks=(track("Nils Frahm", "Says", 334),),
        templates=(template("<url>: I/O error"),),
    )  # fmt: skip
    page = Page(render_html(build(made)))
    for words in ("99.90 %", "1 outage, 10 min in all", "Broken pipe", "Says", "Nils Frahm", "334", "<url>: I/O error",
                  "new", "What the words mean"):  # fmt: skip
        assert words in page.text, words
    assert page.tables >= 6, "every chart has a table"
    assert page.captions == page.tables, "every table says what it is"
    assert page.headings == ["h1", *["h2"] * (len(page.headings) - 1)]
    assert page.charts >= 4
    assert all(value for name, value in page.attributes if name == "aria-label")


def test_a_station_that_flaps_all_week_and_a_century_stay_small() -> None:
    """Every ten seconds another state; and a window of a hundred years: the file can still be mailed."""
    step = timedelta(seconds=10)
    spans = tuple(
        Span("radio", "down" if number % 2 else "up", WINDOW.start + number * step, WINDOW.start + (number + 1) * step)
        for number in range(7 * 8640)
    )
    flapping = build(findings(uptime=uptime(3.5 * 86_400, spans=spans)))
    assert len(flapping.strips[0].days[0].pieces) == 8640
    html = render_html(flapping)
    assert len(html.encode()) < 500_000
    assert html.count('class="down"') >= 7
    century = build(findings(window=Window(datetime(1926, 1, 1, tzinfo=UTC), WINDOW.end)))
    assert len(century.days) == 400
    assert "the last 400 days" in render_text(century)
    assert len(render_html(century).encode()) < 500_000


def test_a_day_has_one_row_of_hours() -> None:
    day = build(findings(window=Window(WINDOW.start, WINDOW.start + timedelta(days=1))))
    assert day.weekdays == (1,)
    assert "Tue" in render_text(day)
    assert "Wed" not in render_text(day)
    page = Page(render_html(day))
    assert "Wed" not in page.text
    assert "By day" not in page.text


def test_empty_report_says_so_in_every_form() -> None:
    report = build(empty_findings())
    for text in (Page(render_html(report)).text, render_text(report), render_json(report)):
        assert "Nothing was logged in this period." in text


@pytest.mark.parametrize("made", [findings(), empty_findings(), hostile_findings()], ids=["usual", "empty", "hostile"])
def test_text_fits_80_columns_and_no_terminal_obeys_it(made: object) -> None:
    text = render_text(build(made))  # type: ignore[arg-type]
    for line in text.splitlines():
        assert width_of(line) <= WIDTH, line
    assert not [char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs"} and char != "\n"]
    assert text.endswith("\n")
    text.encode()


def test_json_holds_the_same_figures() -> None:
    report = build(hostile_findings())
    text = render_json(report)
    assert text.isascii()
    read = json.loads(text)
    assert [line["title"] for line in read["tracks"]] == list(HOSTILE)
    assert read["start"] == "2026-11-17T00:00:00Z"
    assert read["kpis"][0]["number"] == report.kpis[0].number


@given(st.text())
def test_visible_text_has_nothing_that_acts(text: str) -> None:
    shown = visible(text)
    assert not [char for char in shown if unicodedata.category(char) in {"Cc", "Cs"}]
    assert not set(shown) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u2028\u2029\ufeff")
    if text.isascii() and text.isprintable():
        assert shown == text


@given(st.text(), st.integers(2, 40))
def test_fitted_text_has_exactly_its_columns(text: str, columns: int) -> None:
    assert width_of(fitted(text, columns)) == columns


@given(st.lists(st.none() | st.floats(-1e9, 1e9), max_size=40))
def test_sparklines_take_any_series(series: list[float | None]) -> None:
    line = text_sparkline(series)
    assert line == "" or len(line) == len(series)
    drawing = sparkline(series, "a <b> label")
    assert "<b>" not in drawing
    assert "nan" not in drawing
    assert bool(drawing) == (sum(value is not None for value in series) >= 2)


def luminance(colour: str) -> float:
    """Relative luminance of #rgb or #rrggbb, as WCAG 2 defines it."""
    digits = colour.lstrip("#")
    parts = [int(part * (3 - len(part)), 16) / 255 for part in re.findall("." if len(digits) == 3 else "..", digits)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_text_and_signs_have_contrast_enough(theme: str) -> None:
    blocks = re.findall(r":root\{(.*?)\}", Page(render_html(build(findings()))).style)
    block = blocks[["light", "dark", "print"].index(theme)]
    colours = {"white": "#fff"} | dict(part.lstrip("-").split(":") for part in block.split(";"))

    def contrast(one: str, other: str) -> float:
        low, high = sorted((luminance(colours[one]), luminance(colours[other])))
        return (high + 0.05) / (low + 0.05)

    for text, ground in (
        *(("ink", name) for name in ("ground", "card", "line", "good-g", "fair-g", "bad-g", "h1", "h2")),
        *((name, "card") for name in ("soft", "accent", "good", "bad", "fair")), ("soft", "ground"), ("bad", "bad-g"),
        ("accent", "ground"), ("fair", "fair-g"), ("card", "good"), ("card", "fair"), ("card", "bad"),
        ("card", "accent"), ("h-ink", "h3"), ("white", "h4"), ("h5-ink", "h5"),
    ):  # fmt: skip
        assert contrast(text, ground) >= 4.5, (text, ground)
    for sign, ground in (*((name, "card") for name in ("up", "down", "unknown", "planned", "accent")), ("down", "up")):
        assert contrast(sign, ground) >= (2.8 if ground == "up" else 3.0), (sign, ground)


def test_one_spike_does_not_blank_the_heat_map() -> None:
    cells = [[0] * 24 for _ in range(7)]
    cells[0][0], cells[1][1], cells[2][2] = 1_000_000, 2, 1
    levels = heat_levels(Heat("t", "u", tuple(map(tuple, cells))))
    assert (levels[0][0], levels[1][1], levels[2][2], levels[3][3]) == (5, 3, 1, 0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (0.4, "< 1 s"), (59.6, "1 min"), (3600, "1 h"), (3840, "1 h 4 min"), (90_000, "1 d 1 h"), (-75, "-1 min 15 s"),
     (86_400 * 400, "400 d")],
)  # fmt: skip
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@given(st.floats(0, 100))
def test_percent_is_100_only_when_it_is(value: float) -> None:
    assert (percent(value) == "100 %") == (value == 100)
    assert percent(value) != "100.00 %"
