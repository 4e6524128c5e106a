"""No stream key and no password leaves: every line form in which FFmpeg prints one, however the line comes to us."""

import json
from datetime import UTC, datetime

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ingest.batch import Move
from ingest.file_context import FileContext
from ingest.identity import NOTHING
from ingest.line_clock import Arrival
from ingest.rows import BatchBuilder
from ingest.sampling import EncoderTracker
from parsers.describe import to_json_object
from parsers.ffmpeg.parser import FfmpegParser
from parsers.lines import LineSplitter
from parsers.redact import MASK

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

# URL: with the key; KEY: the key alone; @: a component's address.
FORMS = (
    "Output #0, flv, to 'URL':",
    "Output #0, tee, to '[f=flv:onfail=ignore]URL':",
    "Output #0, fifo, to 'URL':",
    "Input #0, flv, from 'URL':",
    "URL: Connection refused",
    "[out#0/flv @ 0x1] Error opening output URL: Input/output error",
    "Error opening output file URL.",
    "Error parsing options for output file URL.",
    "Error writing trailer of URL: Broken pipe",
    "Error closing file URL: Broken pipe",
    "[tee @ 0x1] Slave '[f=flv:onfail=ignore]URL': error writing header: Connection refused",
    "[tee @ 0x1] Slave '[f=flv]URL': error opening: Connection refused",
    "[fifo @ 0x1] Error opening URL: Connection refused",
    "[rtmp @ 0x1] Server error: Stream KEY is already publishing",
    "  Output file #0 (URL):",
    "[out#0/flv @ 0x1] Output file #0 (URL):",
    "Reading option 'URL' ... matched as output url.",
    "Reading option '-rtmp_playpath' ... matched as AVOption 'rtmp_playpath' with argument 'KEY'.",
    "Parsing a group of options: output url URL.",
    "Opening an output file: URL.",
    "[rtmp @ 0x1] Proto = rtmp, path = /live2/KEY, app = live2, fname = KEY",
    "[rtmp @ 0x1] Sending publish command for 'KEY'",
    "[rtmp @ 0x1] Sending releaseStream command for 'KEY'",
    "[rtmp @ 0x1] FCPublish stream command for 'KEY'",
    "ffmpeg -re -i night.mp3 -c copy -f flv URL",
    "ffmpeg -re -i night.mp3 -rtmp_playpath KEY -f flv rtmp://a.rtmp.youtube.com/live2",
    "/bin/start.sh: line 3: 812 Segmentation fault      (core dumped) cat a | ffmpeg -i - -f flv URL",
)
URLS = (
    "rtmp://a.rtmp.youtube.com/live2/KEY",
    "rtmps://a.rtmps.youtube.com:443/live2/KEY",
    "rtmp://h/live2?backup=1&key=KEY/KEY",
    "rtmp://user:KEY@h/live/stream",
    "rtmp://user:x@KEY@h/live/stream",
    "srt://h:9000?streamid=KEY",
    "https://h/upload?token=KEY&n=1",
    "icecast://source:KEY@h:8000/radio.mp3",
)
PREFIXES = (
    "",
    "[error] ",
    "2026-11-23 22:40:42.372 ",
    "22:40:42.372 [fatal] ",
    "Nov 23 22:40:42 studio ffmpeg[812]: ",
    "2026-11-23T22:40:42+0100 studio ffmpeg[812]: ",
    "\x1b[1;31m",
)
# Behind the line: what makes a dead letter, a repeat, a half line, a second session of it.
TAILS = ("\n", "\r", "\r\n", "\n    Last message repeated 3 times\n", "", " \0\0\0\0\0\0\n", "\x1b[0m\n")

BLOCK = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=4, max_size=4)
YOUTUBE_KEYS = (
    st.lists(BLOCK, min_size=4, max_size=5)
    .map("-".join)
    .filter(lambda key: any(c.isdigit() for c in key) and any(c.isalpha() for c in key))
)
OTHER_KEYS = st.from_regex(r"live_[0-9]{5,9}_[A-Za-z0-9]{12,30}|[A-Za-z][0-9][A-Za-z0-9_]{8,30}", fullmatch=True)
LINE = st.tuples(st.sampled_from(PREFIXES), st.sampled_from(FORMS), st.sampled_from(URLS), st.sampled_from(TAILS))


@given(key=YOUTUBE_KEYS | OTHER_KEYS, lines=st.lists(LINE, min_size=1, max_size=5), restarts=st.booleans())
@settings(max_examples=400, deadline=None)
def test_no_key_is_in_rows_states_events_or_dead_letters(
    key: str, lines: list[tuple[str, str, str, str]], restarts: bool
) -> None:
    assume("*" not in key)
    text = "".join(prefix + form.replace("URL", url).replace("KEY", key) + tail for prefix, form, url, tail in lines)
    out = everything_said(text.encode(), restarts=restarts)
    assert key not in out
    assert key.encode().hex() not in out


def test_every_form_by_itself_is_masked_and_still_tells_something() -> None:
    key = "fak3-k3y0-abcd-1234-wxyz"
    for form in FORMS:
        for url in URLS:
            for prefix in PREFIXES:
                line = prefix + form.replace("URL", url).replace("KEY", key)
                out = everything_said(line.encode() + b"\n" + line.encode() + b" \0\0\0\0\0\0\n", restarts=False)
                assert key not in out, (form, url)
                assert MASK in out, (form, url)


def everything_said(data: bytes, *, restarts: bool) -> str:
    """All that a log leaves behind: rows, dead letters, states of parser and checkpoint, `radiolog parse`."""
    parser, tracker = FfmpegParser(hash_key=b"x"), EncoderTracker()
    builder = BatchBuilder(FileContext(1, "/l/ffmpeg.log", "radio", "ffmpeg", "h", "ffmpeg", 1), tracker)
    splitter = LineSplitter(splits_at_cr=True)
    arrival = Arrival(NOW, live=True, mtime=NOW)
    said: list[str] = []
    for line in (*splitter.feed(data), *splitter.flush()):
        outcomes = parser.feed(line)
        for outcome in outcomes:
            builder.add(outcome, arrival, line)
            said += [json.dumps(to_json_object(event, 1, outcome.start)) for event in outcome.parsed]
        said.append(json.dumps(parser.state()))
        if restarts:
            parser = FfmpegParser(parser.state(), hash_key=b"x")
    for outcome in parser.finish():
        builder.add(outcome, arrival, None)
    batch = builder.build(
        Move(1, "me", 1, 0, 0, len(data), NOTHING, NOTHING, 0, "/l/ffmpeg.log", "/l/ffmpeg.log"), {}, 0, NOW
    )
    letters = [bytes(row[6]).decode("utf-8", "replace") for row in batch.copied["dead_letters"]]
    rows = [str(row) for table, found in batch.copied.items() if table != "dead_letters" for row in found]
    return "\n".join([*said, *letters, *rows, str(batch.sessions), json.dumps(batch.parser_state)])
