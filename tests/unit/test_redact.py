"""Secrets are masked in every form in which they are known to leak, once and for good."""

import json
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from parsers.ffmpeg.keys import KeyMemory
from parsers.json_fields import redacted
from parsers.redact import MASK, redact, redact_bytes, redact_json

YOUTUBE_KEY = "fak3-k3y0-abcd-1234-wxyz"

# Every line form of FFmpeg in which a key was seen (URL: the whole output URL; KEY: the key alone).
URL_FORMS = [
    "Output #0, flv, to 'URL':",
    "Output #0, tee, to '[f=flv:onfail=ignore]URL|[f=mp4]out.mp4':",
    "URL: Connection refused",
    "[out#0/flv @ 0x55] Error opening output URL: Input/output error",
    "Error opening output file URL.",
    "Error parsing options for output file URL.",
    "Error writing trailer of URL: Broken pipe",
    "Error closing file URL: Broken pipe",
    "[tee @ 0x55] Slave '[f=flv:onfail=ignore]URL': error writing header: Invalid argument",
    "[fifo @ 0x55] Error opening URL: Connection refused",
    "Output file #0 (URL):",
    "[out#0/flv @ 0x55] Output file #0 (URL):",
    "Reading option 'URL' ... matched as output url.",
    "Parsing a group of options: output url URL.",
    "Opening an output file: URL.",
    "ffmpeg -re -i loop.mp4 -c copy -f flv URL",
    "radio.sh: line 3:  4242 Segmentation fault      (core dumped) ffmpeg -f flv URL",
    '{"event": "starting", "target": "URL"}',
]
KEY_FORMS = [
    "Reading option '-rtmp_playpath' ... matched as AVOption 'rtmp_playpath' with argument 'KEY'.",
    "[rtmp @ 0x55] Proto = rtmp, path = /live2/KEY, app = live2, fname = KEY",
    "[rtmp @ 0x55] Sending publish command for 'KEY'",
    "ffmpeg -re -i a.mp4 -rtmp_playpath KEY -f flv rtmp://host/live2",
    "stream_key=KEY",
    "STREAM_KEY: KEY",
    '{"stream_key": "KEY", "x": 1}',
    "Applying option rtmp_playpath (set playpath) with argument KEY",
]
keys = st.text(string.ascii_letters + string.digits + "-_", min_size=8, max_size=40).filter(
    lambda key: key[0].isalnum() and key[-1].isalnum()
)
applications = st.sampled_from(["live2", "app", "live", "rtmp", "x"])
schemes = st.sampled_from(["rtmp", "rtmps", "rtmpt", "RTMP"])


@given(st.sampled_from(URL_FORMS), schemes, applications, keys)
def test_a_key_in_a_url_never_shows(form: str, scheme: str, application: str, key: str) -> None:
    masked = redact(form.replace("URL", f"{scheme}://host.example:1935/{application}/{key}"))
    assert f"/{application}/{MASK}" in masked
    assert key not in masked.replace(f"host.example:1935/{application}", "") or key in form


@given(st.sampled_from(KEY_FORMS), keys)
def test_a_key_in_its_own_line_forms_never_shows(form: str, key: str) -> None:
    masked = redact(form.replace("KEY", key).replace(f"STREAM_{key}", "STREAM_KEY"))
    assert key not in masked.replace("rtmp_playpath", "").replace("STREAM_KEY", "") or key in form


@given(st.sampled_from(URL_FORMS), keys, keys)
def test_a_key_with_query_and_segments_never_shows(form: str, key: str, password: str) -> None:
    masked = redact(form.replace("URL", f"rtmp://user:{password}@host/live2?backup=1&key={key}/{key}"))
    assert f"={key}" not in masked
    assert f":{password}@" not in masked
    assert masked.count(MASK) >= 2


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("rtmp://h/live2/k1", "rtmp://h/live2/***"),
        ("rtmp://h/live2", "rtmp://h/live2"),
        ("rtmp://user:s3cretpw@h/live2", "rtmp://***@h/live2"),
        ("rtmp://user:p@ss/w:d@h/live2/k", "rtmp://***@h/live2/***"),
        ("http://h:8000/mount.mp3?x=a@b", "http://h:8000/mount.mp3?x=a@b"),
        ("icecast://source:hackme@h:8000/mount", "icecast://***@h:8000/mount"),
        (
            "srt://h:9000?mode=caller&streamid=#!::r=a,u=b&passphrase=longenough",
            "srt://h:9000?mode=caller&streamid=***&passphrase=***",
        ),
        (
            "https://a.upload.youtube.com/http_upload_hls?cid=abcd&copy=0",
            "https://a.upload.youtube.com/http_upload_hls?cid=***&copy=0",
        ),
        ("https://api.example/v1?access_token=abc&page=2", "https://api.example/v1?access_token=***&page=2"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: ***"),
        ("curl -H 'authorization: Basic dXNlcjpwdw=='", "curl -H 'authorization: ***'"),
        ("using bearer abcdefgh123", "using bearer ***"),
        ("password=hunter2", "password=***"),
        ('{"password": "my secret pw", "a": 1}', '{"password": "***", "a": 1}'),
        ('{\\"api_key\\": \\"abc\\"}', '{\\"api_key\\": \\"***\\"}'),
        ("AKIAIOSFODNN7EXAMPLE", "***"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def", "jwt ***"),
        ("POST https://hooks.slack.com/services/T000/B000/XXXX", "POST https://hooks.slack.com/services/***"),
        ("https://discord.com/api/webhooks/123/abc-def", "https://discord.com/api/webhooks/***"),
        ('"https:\\/\\/hooks.slack.com\\/services\\/T0\\/B0"', '"https:\\/\\/hooks.slack.com\\/services\\/***"'),
        (f"key {YOUTUBE_KEY} rejected", "key *** rejected"),
        ("abcd-1234-efgh-5678", "***"),
        ("[rtmp @ 0x5] Server error: stream qwerty123456 unknown", "[rtmp @ 0x5] Server error: stream *** unknown"),
    ],
)
def test_known_forms(text: str, masked: str) -> None:
    assert redact(text) == masked
    assert redact_bytes(text.encode()) == masked.encode()


SECRET = "x9Kf83hTq0LmZw2P"


@pytest.mark.parametrize(
    "form",
    [
        "rtmp:%2F%2Fa.rtmp.youtube.com%2Flive2%2FKEY",
        "url=rtmps%3A%252F%252Fa.rtmp.youtube.com%252Flive2%252FKEY&x=1",
        "publishing to a.rtmp.youtube.com/live2/KEY now",
        "a.rtmps.youtube.com:443/live2/KEY",
        "live.twitch.tv/app/KEY",
        "YT_KEY: KEY",
        "youtubeKey: KEY",
        "backup-key = KEY",
        "Stream key is KEY",
        "stream key: KEY",
        "the password was changed to KEY",
        "encoder --password KEY",
        "encoder --password=KEY",
        "encoder --stream-key KEY --db-pass KEY",
        "curl -u user:KEY http://h/",
        "curl --user 'user:KEY' http://h/",
        "Authorization: Basic KEY",
        "Basic KEY==",
        '{"args": ["-password", "KEY"]}',
    ],
)
@pytest.mark.parametrize("secret", [SECRET])
def test_more_forms_lose_the_secret(form: str, secret: str) -> None:
    text = form.replace("KEY", secret) if "YT_" not in form else f"YT_KEY: {secret}"
    masked = json.dumps(redact_json(json.loads(text))) if text.startswith("{") else redact(text)
    assert secret not in masked
    assert MASK in masked
    assert redact(masked) == masked
    assert text.startswith("{") or secret.encode() not in redact_bytes(text.encode())


def test_a_stream_key_in_capitals_is_one() -> None:
    assert redact("key ABCD-1234-EFGH-5678-WXYZ rejected") == "key *** rejected"


@pytest.mark.parametrize(
    "name",
    [
        *("YOUTUBE_KEY", "youtubeKey", "yt_key", "ingest_key", "publish-key", "backup.key", "db_pass", "source_pass"),
        *("stream_key_2", "icecastPassword", "ADMIN_PW", "ytKEY"),
    ],
)
def test_a_names_last_word_says_that_it_is_a_secret(name: str) -> None:
    assert redact_json({name: "x"}) == redacted({name: "x"}) == {name: MASK}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("track_key", SECRET), ("play_key", SECRET), ("primaryKey", SECRET), ("key_signature", "4/4"), ("key", "Am")),
        *(("key", "C#m"), ("key", "Bb mixolydian 12"), ("monkey", SECRET), ("passed", "x"), ("yt_key", None)),
    ],
)
def test_harmless_names_keep_their_values(name: str, value: object) -> None:
    assert redact_json({name: value}) == redacted({name: value}) == {name: value}


def test_a_bare_key_is_judged_by_its_value() -> None:
    assert redact_json({"key": SECRET}) == redacted({"key": SECRET}) == {"key": MASK}


@pytest.mark.parametrize(
    ("arguments", "masked"),
    [
        (["-password", "x"], ["-password", MASK]),
        (["encode", "--stream-key", "x", "-y"], ["encode", "--stream-key", MASK, "-y"]),
        (["-rtmp_playpath", "x"], ["-rtmp_playpath", MASK]),
        (["curl", "-u", "me:x"], ["curl", "-u", f"me:{MASK}"]),
        (["-pass", "2", "-i", "password", "x"], ["-pass", "2", "-i", "password", "x"]),
        ([1, None, ["-token", "x"]], [1, None, ["-token", MASK]]),
    ],
)
def test_an_argument_list_is_masked_in_pairs(arguments: list[object], masked: list[object]) -> None:
    assert redact_json(arguments) == redacted(arguments) == masked
    assert redact_json(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "stream key is missing",
        "basic authentication failed",
        "track_key: ada - engine",
        "playKey=17, primary_key: 4",
        "ffmpeg -pass 2 -update 1",
        "rtmp.conf is fine",
        "frame=  100 fps= 10 q=-1.0 size=      66kB time=00:00:04.01 bitrate= 135.5kbits/s speed=1.03x    ",
        "[tcp @ 0x55] Connection to tcp://127.0.0.1:1935?tcp_nodelay=0 failed: Connection refused",
        "Stream #0:0 -> #0:0 (copy)",
        "track 123e4567-e89b-12d3-a456-426614174000 started",
        "from 2026-11-23 to 2026-11-24, this-that-here-then",
        "keyframe interval 250, monkey=1",
        "author: Someone",
        "played 1999-2000-2001-2002",
        "Authentication failed",
    ],
)
def test_harmless_text_stays(text: str) -> None:
    assert redact(text) is text or redact(text) == text


words = st.sampled_from(
    [
        *("rtmp://", "https://", "h/", "app/", "hooks.slack.com/services/", "password", "key", "token", "streamid"),
        *("=", ":", " ", "'", '"', "\\", "@", "?", "&", "/", "|", "-", ".", "}", "]", "***", "a1b2", YOUTUBE_KEY),
        *("Bearer ", "Authorization: ", "eyJabcdef.ghijk", "Server error: ", " for '", "with argument '"),
        *("path = /", ", app = ", ", fname = "),
        *("rtmp:%2F%2Fh%2Fapp%2F", "rtmp.h.example/live2/", "Basic ", "-u a:", "key is ", "yt_key", "--password"),
    ]
)


@given(st.lists(words | st.text(max_size=6), max_size=14).map("".join))
@example("eyJabcdef.ghijkrtmp://rtmp://rtmp://rtmp://")
@settings(max_examples=200)
def test_redacting_twice_changes_nothing(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@given(st.binary(max_size=60), keys, st.binary(max_size=60))
def test_bytes_that_are_not_text_keep_no_key(before: bytes, key: str, after: bytes) -> None:
    masked = redact_bytes(before + b" rtmp://h/live2/" + key.encode() + b" " + after)
    assert b"live2/" + key.encode() not in masked
    assert redact_bytes(masked) == masked


def test_wide_characters_do_not_hide_a_key() -> None:
    assert YOUTUBE_KEY.encode() not in redact_bytes(f"rtmp://h/a/{YOUTUBE_KEY}".encode("utf-16-le")).replace(b"\0", b"")


def test_json_values_are_masked_by_name_and_by_form() -> None:
    value = {
        "url": f"rtmp://h/live2/{YOUTUBE_KEY}",
        "stream_key": "x",
        "streamKey": {"a": 1},
        "nested": [{"Api-Key": 5, "token": None, "max_tokens": 7, "auth": True}],
        "track_key": "artist - title",
        "key": "Am",
    }
    assert redact_json(value) == {
        "url": "rtmp://h/live2/***",
        "stream_key": MASK,
        "streamKey": MASK,
        "nested": [{"Api-Key": MASK, "token": None, "max_tokens": 7, "auth": True}],
        "track_key": "artist - title",
        "key": "Am",
    }


def test_json_nested_without_end_is_cut() -> None:
    value: list[object] = []
    for _ in range(5_000):
        value = [value]
    assert MASK in str(redact_json(value))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(json_values, keys)
def test_json_keeps_its_shape_and_loses_the_key(value: object, key: str) -> None:
    masked = redact_json({"value": value, "url": f"rtmp://h/live2/{key}"})
    assert masked["url"] == "rtmp://h/live2/***"
    assert redact_json(masked) == masked


@given(
    keys.filter(lambda key: any(letter.isdigit() for letter in key)),
    st.sampled_from(["'KEY'", "<KEY>", "x KEY", "KEY.", "(KEY)", "KEY"]),
)
def test_a_key_seen_in_a_url_is_masked_where_it_stands_bare(key: str, form: str) -> None:
    memory = KeyMemory()
    memory.redact(f"Output #0, flv, to 'rtmp://h/live2/{key}':")
    assert key not in memory.redact(form.replace("KEY", key))
    stored = memory.state()
    assert key not in str(stored)
    restored = KeyMemory(stored)
    assert key not in restored.redact(form.replace("KEY", key))
    assert restored.state() == stored


def test_short_and_plain_words_are_not_remembered() -> None:
    memory = KeyMemory()
    memory.redact("rtmp://h/live/stream")
    assert memory.redact("Output stream is fine") == "Output stream is fine"
    assert memory.state() == []


def test_other_peoples_words_teach_no_key() -> None:
    memory = KeyMemory()
    memory.redact("Server error: rtmp://h/live2/Conversion-1", learn=False)
    assert memory.redact("Conversion-1 failed") == "Conversion-1 failed"


def test_the_number_of_remembered_keys_is_bounded() -> None:
    memory = KeyMemory()
    for number in range(100):
        memory.redact(f"rtmp://h/live2/secretkey{number}")
    assert len(memory.state()) <= 16
    assert memory.redact("bare secretkey99") == "bare ***"


def test_hashes_of_two_installations_differ() -> None:
    first, second = KeyMemory(hash_key=b"one"), KeyMemory(hash_key=b"two")
    for memory in (first, second):
        memory.redact(f"rtmp://h/live2/{YOUTUBE_KEY}")
    assert first.state() != second.state()
