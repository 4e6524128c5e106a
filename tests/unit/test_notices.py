"""What services are sent: within their limits, and harmless, whatever stands in the logs."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_kit import HOSTILE, empty_findings, findings, hostile_findings

from ingest.errors import ConfigurationError
from ingest.notice import Notice
from reports import notify, targets
from reports.announce import notice_of
from reports.report.build import build
from reports.report.digest import digest_notice
from reports.report.findings import Findings
from reports.targets import Outcome, judged, target
from reports.webhook import Answer, is_public

NASTY = (*HOSTILE, "@here <@&123> <!channel> <#5>", "[click](https://evil.example)", "https://evil.example/x", "***_~~||`",
         "\u202egnp.exe\u200f", "&" * 5000, "*" * 10_000, "\U0001f600" * 4000, "# big\n> quote\n- list", "")  # fmt: skip
TEXT = st.one_of(st.sampled_from(NASTY), st.text(max_size=400), st.text(alphabet="*_&<>@\U0001f600\\", max_size=3000))
NOTICES = st.builds(
    Notice, kind=TEXT, tone=st.sampled_from(["good", "bad", "info", "nonsense"]), title=TEXT,
    lines=st.lists(TEXT, max_size=30).map(tuple), fields=st.lists(st.tuples(TEXT, TEXT), max_size=40).map(tuple),
    at=st.sampled_from(["2026-11-24T10:00:00+00:00", "", "yesterday"]),
)  # fmt: skip
BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\x00-\x09\x0b-\x1f]")


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in strings(part)]
    return [value] if isinstance(value, str) else []


def discord_takes(notice: Notice, message_id: str) -> None:
    body = notify.discord(Notice.from_payload(json.loads(json.dumps(notice.as_payload()))), message_id)
    json.dumps(body).encode("ascii")
    assert body["allowed_mentions"] == {"parse": []}
    (embed,) = body["embeds"]
    fields = embed.get("fields", [])
    assert 1 <= units(embed["title"]) <= 256
    assert units(embed.get("description", "")) <= 4096
    assert units(embed["footer"]["text"]) <= 2048
    assert len(fields) <= 25
    for field in fields:
        assert 1 <= units(field["name"].strip()) <= 256
        assert 1 <= units(field["value"].strip()) <= 1024
    assert sum(units(text) for text in strings({**embed, "timestamp": 0})) <= 6000
    for text in strings({**embed, "footer": "", "timestamp": ""}):
        assert not BIDI.search(text)
        assert not re.search(r"[*_`~|\[\]()<>@#:]", re.sub(r"\\.", "", text)), "nothing that Discord obeys is unescaped"


def slack_takes(notice: Notice, message_id: str) -> None:
    body = notify.slack(notice, message_id)
    assert len(body["blocks"]) <= 50
    assert 1 <= units(body["text"]) <= 3000
    assert (body["mrkdwn"], body["parse"], body["link_names"]) == (False, "none", False)
    assert sum(map(units, strings(body))) <= 13_000 + 1_000
    for block in body["blocks"]:
        limits = {"header": 150, "section": 3000, "context": 3000}
        shown = [*block.get("fields", []), *block.get("elements", []), *([block["text"]] if "text" in block else [])]
        assert 1 <= len(shown) <= 10
        for part in shown:
            assert part["type"] == "plain_text"
            assert 1 <= units(part["text"]) <= (2000 if "fields" in block else limits[block["type"]])
    for text in strings(body):
        assert not BIDI.search(text)
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", text), "no entity is cut, no sign of Slack's is left"


def apprise_takes(notice: Notice) -> None:
    for text in notify.plain(notice, "#1"):
        assert not re.search(r"@\w|<[!@#]|`", text)
        assert not BIDI.search(text)
        assert units(text) <= 4600


@given(notice=NOTICES, message_id=TEXT)
def test_discord_takes_every_notice(notice: Notice, message_id: str) -> None:
    discord_takes(notice, message_id)


@given(notice=NOTICES, message_id=TEXT)
def test_slack_takes_every_notice(notice: Notice, message_id: str) -> None:
    slack_takes(notice, message_id)


@given(notice=NOTICES)
def test_apprise_is_given_nothing_that_mentions_anybody(notice: Notice) -> None:
    apprise_takes(notice)


def test_a_report_of_hostile_titles_becomes_a_message() -> None:
    notice = notice_of(build(hostile_findings()))
    assert notice.fields
    shown = json.dumps(notify.discord(notice, "#1"))
    assert "@everyone" not in shown.replace("\\\\@everyone", "")
    assert "off air" in shown


@pytest.mark.parametrize("made", [findings(), empty_findings(), hostile_findings()], ids=["usual", "empty", "hostile"])
def test_a_digest_of_anything_is_five_lines_that_every_service_takes(made: Findings) -> None:
    notice = digest_notice(build(made))
    assert len(notice.lines) == 5
    assert all(notice.lines)
    discord_takes(notice, "#1")
    slack_takes(notice, "#1")
    apprise_takes(notice)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://discord.com/api/webhooks/1/x", "discord"), ("https://ptb.discord.com/api/webhooks/1/x", "discord"),
        ("https://hooks.slack.com/services/T/B/x", "slack"), ("https://discord.com.evil.example/api/webhooks/1/x", None),
        ("https://evil.example/discord.com", None), ("https://discord.com@evil.example/x", None),
    ],
)  # fmt: skip
def test_the_kind_is_told_by_the_host(url: str, kind: str | None) -> None:
    assert targets.recognised(url) == kind


@pytest.mark.parametrize(
    "url", ["", "s3cret", "ftp://s3cret.example", "https://", "http://[s3cret", "javascript:s3cret"]
)
def test_what_is_no_webhook_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        target(url)
    assert "s3cret" not in str(refused.value)
    assert "s3cret" not in repr(target("https://hooks.slack.com/s3cret"))


NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answer", "verdict", "wait_seconds"),
    [
        (Answer(200), "sent", None), (Answer(204), "sent", None), (Answer(500), "retry", None),
        (Answer(429, {"retry-after": "7"}), "retry", 7.0),
        (Answer(429, {"retry-after": "1"}, b'{"retry_after": 2.5, "global": false}'), "retry", 2.5),
        (Answer(429, {"retry-after": (NOW + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")}), "retry", 90.0),
        (Answer(429, {"retry-after": "1e12"}), "retry", 3600.0), (Answer(429, {"retry-after": "-5"}), "retry", 0.0),
        (Answer(429, {"retry-after": "nan"}, b"[" * 100_000), "retry", None), (Answer(503, {"retry-after": "inf"}), "retry", 3600.0),
        (Answer(404), "gone", None), (Answer(410), "gone", None), (Answer(403), "gone", None),
        (Answer(400), "refused", None), (Answer(302, {"location": "http://127.0.0.1/"}), "refused", None),
    ],
)  # fmt: skip
def test_what_an_answer_means(answer: Answer, verdict: str, wait_seconds: float | None) -> None:
    found: Outcome = judged(answer, NOW)
    assert (found.verdict, found.wait_seconds) == (verdict, wait_seconds)


def test_back_off_grows_jitters_and_ends() -> None:
    assert [targets.backoff_seconds(attempt, 0.0) for attempt in (1, 2, 3, 10, 1000)] == [0.5, 1.0, 2.0, 150.0, 150.0]
    assert targets.backoff_seconds(2, 0.999) < 2.0


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("127.0.0.1", False), ("10.0.0.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("0.1.2.3", False),
        ("::1", False), ("fe80::1%eth0", False), ("fd00::1", False), ("::ffff:127.0.0.1", False), ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False), ("224.0.0.1", False), ("1.1.1.1", True), ("2606:4700::1111", True), ("::ffff:1.1.1.1", True),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public
