"""Severities of messages whose line carries none: the known rows, what five versions said, labels taken away."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.events import FfmpegMessage
from parsers.ffmpeg import FfmpegParser
from parsers.ffmpeg.classify import Verdict, classify
from parsers.ffmpeg.lines import LEVELS
from parsers.ffmpeg.source_table import severity_in_source
from parsers.lines import LineSplitter

DATA = Path(__file__).parent.parent / "data" / "ffmpeg"
# Facts of FFmpeg's source: id, level of the call, effect on a stream, format string, a real line where there was one.
ROWS = json.loads((DATA / "errors.json").read_text(encoding="utf-8"))
# Rows that are no format string, or one without words of its own.
EXAMPLES = {
    "T02": "An unexpected TLS packet was received.",
    "T05": "error:0A000086:SSL routines::certificate verify failed",
    "O03": "Error opening output files: Connection refused",
    "O06": "rtmp://h/live2/***: Connection refused",
    "I11b": "Task finished with error code: -1 (Operation not permitted)",
    "C08": "Input buffer exhausted before END element found",
    "P03": "Codec AVOption crf (Select the quality) has not been used for any stream. The most likely reason is",
    "S02": "Received > 3 system signals, hard exiting",
    "H03b": "Will reconnect at 12 in 1 second(s).",
}
# The level depends on the rest of the message, or was no level of the source.
LEVELS_BY_HAND = {"R08": "error", "M04": "error", "M13": "warning", "D01": "warning", "D02": "warning",
                  "D03": "warning", "D12": "warning", "C03": "warning", "C04": "warning", "I08": "warning", "I09": "warning",
                  "T02": "error", "D16": "warning", "I11b": "error", "C08": "error", "P03": "warning", "S02": "info",
                  "W01": "error"}  # fmt: skip
# What only says a failure again, or follows from one that was said before, counts as its consequence.
ECHOES = {"O02", "O03", "O04", "O05", "M02", "M03", "M04", "M11", "M12", "C10", "E04", "I11b"}
EFFECTS = {"info-of-failure": "consequence", "debug": "benign", "end": "benign"}
EFFECTS_BY_HAND = {"D17": "benign", "I15": "benign", "O06": "fatal_start", "C06": "degraded"}


def said(row: Mapping[str, str | None]) -> str:
    """The first line of a row's message."""
    text = row["example"] or EXAMPLES.get(str(row["id"])) or str(row["template"])
    text = re.sub(r"%[0-9.l]*[dufgx]", "12", text.replace("\\n", "\n").replace('\\"', '"'))
    return re.sub(r"%[cs]", "P", text).strip().split("\n")[0]


def judged(message: str, *, component: tuple[str, ...] = (), debug: bool = False) -> Verdict:
    """What the tables say of it, in a session that has not made progress."""
    return classify(message, component, None, running=False, debug=debug)


def test_the_rows_are_complete() -> None:
    assert len(ROWS) == 158
    assert len({row["id"] for row in ROWS}) == 158


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["id"]))
def test_every_row_is_known_with_severity_and_effect(row: dict[str, str]) -> None:
    verdict = judged(said(row))
    name = row["id"]
    assert verdict.source == "template"
    assert verdict.severity == LEVELS_BY_HAND.get(name, row["level"].lower())
    effect = EFFECTS.get(row["effect"], row["effect"].replace("-", "_"))
    if name in ECHOES:
        effect = "consequence"
    assert verdict.effect == EFFECTS_BY_HAND.get(name, effect)


def test_what_five_versions_said_in_four_hundred_scenarios() -> None:
    """`said.tsv` holds each message once with the severity that FFmpeg gave it; here nobody says it."""
    total: dict[str, int] = {}
    wrong: dict[str, list[str]] = {}
    lines = (DATA / "said.tsv").read_text(encoding="utf-8").splitlines()
    for severity, versions, component, message in (line.split("\t") for line in lines if not line.startswith("# ")):
        verdict = judged(message, component=tuple(component.split("/")) if component else ())
        for version in versions.split(","):
            total[version] = total.get(version, 0) + 1
            if verdict.severity != severity:
                wrong.setdefault(version, []).append(message)
    assert set(total) == {"4.1", "4.2", "5.1", "7.0", "9.0"}
    for version, count in total.items():
        assert count > 300
        assert len(wrong.get(version, [])) <= count * 0.01, wrong[version]


def without_labels(data: bytes) -> bytes:
    """The log as `-loglevel info` would have made it."""
    label = rb"((?:^|[\r\n])(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} )?(?:\[[^\]\r\n@]* @ 0x[0-9a-f]+\] )*)\[(?:%s)\] ?"
    levels = "|".join(LEVELS).encode()
    return re.sub(label % levels, rb"\1", data)


def failures(data: bytes) -> list[FfmpegMessage]:
    """Its warnings and worse."""
    splitter, parser = LineSplitter(splits_at_cr=True), FfmpegParser()
    outcomes = [outcome for line in (*splitter.feed(data), *splitter.flush()) for outcome in parser.feed(line)]
    messages = [event for outcome in (*outcomes, *parser.finish()) for event in outcome.parsed]
    found = [event for event in messages if isinstance(event, FfmpegMessage)]
    return [event for event in found if event.severity in ("warning", "error", "fatal", "panic")]


LABELLED = sorted(DATA.glob("ll_*evel*.log"))


@pytest.mark.parametrize("path", LABELLED, ids=lambda path: path.stem)
def test_without_its_labels_a_log_says_the_same(path: Path) -> None:
    data = path.read_bytes()
    assert len(LABELLED) > 15
    labelled, bare = failures(data), failures(without_labels(data))
    assert [(event.severity, event.message, event.count, event.effect) for event in bare] == [
        (event.severity, event.message, event.count, event.effect) for event in labelled
    ]
    assert {event.severity_source for event in bare} <= {"template"}


def test_libraries_that_print_past_ffmpegs_log_are_no_errors_of_it() -> None:
    for line in (
        "x264 [error]: baseline profile doesn't support 4:4:4",
        "ALSA lib confmisc.c:855:(parse_card) cannot find card '0'",
        'Fontconfig warning: line 5: unknown element "description"',
        "Svt[warn]: Failed to set thread priority: Invalid argument",
    ):
        assert (judged(line).severity, judged(line).source) == ("info", "guess")


@pytest.mark.parametrize(
    ("message", "severity"),
    [
        ("Unrecognized hwaccel: nope.", "fatal"),
        ("Incompatible pixel format 'rgb24' for codec 'mjpeg', auto-selecting format 'yuvj444p'", "warning"),
        ("gray chroma", "error"),
        ("gray chroma and more", None),
        ("Failed to open file 'x' and so on", None),
        ("", None),
    ],
)
def test_severities_of_the_source(message: str, severity: str | None) -> None:
    assert severity_in_source(message) == severity


@given(st.text(alphabet="Incompatible pixel format '*' for codec , auto-selecting", max_size=300))
def test_any_text_can_be_looked_up(message: str) -> None:
    assert severity_in_source(message) in (None, "fatal", "error", "warning", "info", "verbose")


def test_a_fatal_message_that_only_the_source_knows_ends_what_has_begun() -> None:
    before = classify("Unrecognized hwaccel: nope.", (), None, running=False, debug=False)
    after = classify("Unrecognized hwaccel: nope.", (), None, running=False, ran=True, debug=False)
    assert (before.effect, after.effect) == ("fatal_start", "fatal_run")


SOURCE = r"""
static int open_it(AVFormatContext *s)
{
    av_log(s, AV_LOG_ERROR, "Cannot open '%s': %d of %" PRId64 " bytes; giving up\n", s->url, 1, n);
    /* av_log(s, AV_LOG_ERROR, "only a comment\n"); */
    av_log(s, ret < 0 ? AV_LOG_ERROR : AV_LOG_VERBOSE, "depends on something\n");
    av_log(NULL, AV_LOG_WARNING, "first half of "
           "a warning, 50%% done\nsecond line\n");
    av_log(s, AV_LOG_DEBUG, "nobody sees this\n");
    av_log(s, AV_LOG_ERROR, "%s: %s\n", a, b);
}
"""


def test_the_table_is_made_from_log_calls(tmp_path: Path) -> None:
    older, newer = (tmp_path / name / "libavformat" for name in ("ffmpeg-1", "ffmpeg-2"))
    for folder, text in ((older, SOURCE.replace("AV_LOG_WARNING", "AV_LOG_INFO")), (newer, SOURCE)):
        folder.mkdir(parents=True)
        (folder / "rtmpproto.c").write_text(text, encoding="utf-8")
        (folder / "unheard_of.c").write_text(
            'av_log(s, AV_LOG_ERROR, "a format that no radio uses\\n");', encoding="utf-8"
        )
    script = Path(__file__).parents[2] / "scripts" / "ffmpeg_severities.py"
    made = subprocess.run(
        [sys.executable, script, older.parent, newer.parent], capture_output=True, text=True, check=True
    )
    assert [line for line in made.stdout.splitlines() if not line.startswith("# ")] == [
        "=fatal",
        "=error",
        "Cannot open '*': * of * bytes; giving up",
        "=warning",
        "first half of a warning, 50% done",
        "=info",
        "=verbose",
    ]
