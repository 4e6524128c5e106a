"""Lines that no service should write and some service will. What each must become is said beside it."""

import json

from samples.schedule import LONG_TITLE, NUL_IN_ARTIST, WRONG_TYPES, Play, local
from samples.writer import STATION, Writer

STREAM_KEY = "fak3-n1gh-tdr1-v3fm-0000"
FIVE_THOUSAND_CHARACTERS = "An Endless Drive " * 294 + "So"

_HEAD = '{"timestamp":"%s","station":"' + STATION + '",'


def write_broken(watcher: Writer, manager: Writer, monitor: Writer) -> None:
    """Dead letters, by reason, and blank lines."""
    dead_letters = (
        (watcher, "01:30:00", b"Traceback (most recent call last):\n"),  # bad_json
        (watcher, "01:30:01", b'{"timestamp":"2026-11-22T00:30:01Z","level":"info","event":"trac\n'),  # bad_json
        (watcher, "02:00:00", b"[1, 2, 3]\n"),  # not_an_object
        (watcher, "02:00:01", b'"only a string"\n'),  # not_an_object
        (
            watcher,
            "02:10:00",
            _line("02:10:00", '"event":"track_started","album":"neither artist nor title"'),
        ),  # missing_field
        (watcher, "02:20:00", b'{"event":"track_started","artist":"\xff\xfe","title":\xff}\n'),  # invalid_utf8
        (manager, "04:00:00", b"\x00\x01\x02\x7fELF\x02\n"),  # bad_json
        (manager, "04:10:00", b'{"event":' + b"[" * 200 + b"]" * 200 + b"}\n"),  # too_deep
        (manager, "04:20:00", _line("04:20:00", '"event":"error_resolved"')),  # missing_field
        (
            monitor,
            "05:00:00",
            _line("05:00:00", '"event":"metric","metric_name":"cpu_percent","metric_value":NaN'),
        ),  # bad_json
        (
            monitor,
            "05:00:01",
            _line("05:00:01", '"event":"metric","metric_name":"cpu_percent","metric_value":1e999'),
        ),  # wrong_type
        (
            monitor,
            "05:00:02",
            _line("05:00:02", '"event":"metric","metric_name":"cpu_percent","metric_value":"a lot"'),
        ),  # wrong_type
        (
            monitor,
            "05:00:03",
            _line("05:00:03", '"event":"metric","metric_name":"cpu_percent","metric_value":true'),
        ),  # wrong_type
        (
            monitor,
            "05:00:04",
            _line("05:00:04", '"event":"metric","metric_name":"cpu_percent","metric_value":null'),
        ),  # missing_field
        (monitor, "05:00:05", _line("05:00:05", '"event":"metric","metric_value":12.5')),  # missing_field
    )
    for writer, clock, line in dead_letters:
        writer.raw(local(clock), line)
    for writer, clock, line in (
        (watcher, "03:00:00", b"\n"),
        (monitor, "03:00:00", b"   \t\n"),
        (monitor, "03:00:01", b"\r\n"),
    ):
        writer.raw(local(clock), line)


def write_odd(watcher: Writer, manager: Writer, monitor: Writer) -> None:
    """Lines that are stored although something is odd about them."""
    stored = (
        (
            manager,
            "12:00:00",
            f'"level":"error","event":"publish to rtmp://a.rtmp.youtube.com/live2/{STREAM_KEY} failed"',
        ),
        (manager, "12:00:01", '"level":"error","event":"lone \\udfff surrogate and NUL \\u0000"'),
        (
            manager,
            "12:00:02",
            '"level":"WARNING","message":"other field names","exception":"ValueError: x","level":"error"',
        ),
        (manager, "12:00:03", '"kind":"error","event":"an error without a level"'),
        (
            monitor,
            "12:10:00",
            '"level":"warning","pid":1000000000000000000000000000000,"event":"a number that is too long"',
        ),
        (monitor, "12:10:01", '"event":"metric","metric_name":"listeners","metric_value":"17","unit":17'),
        (monitor, "12:10:02", '"event":"metric","metric_name":"bytes_sent_total","metric_value":1e30'),
    )
    for writer, clock, fields in stored:
        writer.raw(local(clock), _line(clock, fields))
    watcher.raw(
        local("12:00:00"), b'{"timestamp":"2026-11-22T11:00:00Z","level":"error","event":"not UTF-8: \xe4\xf6"}\n'
    )
    watcher.raw(
        local("12:30:00"),
        b'{"timestamp":"2026-11-22 12:30:00,125","level":"warning","event":"a time without zone"}\r\n',
    )
    # other loggers: pino, and Python's python-json-logger
    monitor.raw(
        local("13:00:00"), b'{"level":50,"time":1795348800000,"pid":77,"hostname":"studio","msg":"webhook timed out"}\n'
    )
    monitor.raw(
        local("13:00:01"),
        b'{"asctime":"2026-11-22 13:00:01,250","levelname":"WARNING","name":"dashboard","message":"cache is cold"}\n',
    )


def start_line(place: int, play: Play) -> bytes | None:
    """The start of a play as a careless service writes it; None where RadioLogger writes it."""
    artist, title, duration = json.dumps(play.track.artist), json.dumps(play.track.title), '"3:33"'
    if place == NUL_IN_ARTIST:
        artist = '"NUL \\u0000 and half a pair \\ud800"'
    elif place == LONG_TITLE:
        title = json.dumps(FIVE_THOUSAND_CHARACTERS)
    elif place == WRONG_TYPES:
        artist, title, duration = "42", "false", '"soon"'
    else:
        return None
    said = f'"event":"track_started","play_id":"{play.play_id}","artist":{artist},"title":{title},"duration":{duration}'
    return f'{{"timestamp":"{play.start:%Y-%m-%dT%H:%M:%S.%fZ}","station":"{STATION}",{said}}}\n'.encode()


def _line(clock: str, fields: str) -> bytes:
    return (_HEAD % local(clock).strftime("%Y-%m-%dT%H:%M:%SZ") + fields + "}\n").encode()
