"""Notifications to a real HTTP server on loopback, with the outbox in a real database."""

import shutil
import signal
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import webhook_kit as kit
from fix_command import Command
from fix_postgres import Database
from process_kit import finished, start, wait_until
from webhook_kit import says, webhook

from ingest.notice import Notice
from logging_module.config import LoggingConfig
from reports.daemon_watch import DaemonWatch
from reports.outbox import Outbox
from reports.sender import Sender
from reports.targets import configured
from reports.webhook import NotSent, post

NOTICE = Notice("test", "bad", "Off air @everyone", ("since 10:00",), (("cause", "*Broken* pipe"),))


def rows(database: Database) -> list[tuple[Any, ...]]:
    return database.rows("SELECT state, attempts FROM notification_outbox WHERE target <> '' ORDER BY id")


def with_webhooks(database: Database, timeout_seconds: float = 30.0, **urls: str) -> LoggingConfig:
    values = {
        **dict(database.config), **urls, "webhook_allow_private": True, "webhook_timeout_seconds": timeout_seconds,
    }  # fmt: skip
    return LoggingConfig(**values)


def settings(url: str, name: str = "DISCORD") -> dict[str, str]:
    return {f"RADIOLOG_{name}_WEBHOOK_URL": url, "RADIOLOG_WEBHOOK_ALLOW_PRIVATE": "true"}


def put(database: Database, *keys: str, notice: Notice = NOTICE) -> None:
    outbox = Outbox(database.config)
    for key in keys:
        outbox.put(key, notice)
    outbox.close()


def send(config: LoggingConfig) -> list[str]:
    """One round of a sender; gives what it said."""
    said: list[str] = []
    sender = Sender(config, configured(config), said.append)
    sender.send_due()
    sender.outbox.close()
    return said


def due_now(database: Database) -> None:
    database.rows("UPDATE notification_outbox SET next_attempt_at = now()")


def test_a_notice_reaches_every_webhook_once(database: Database) -> None:
    with webhook(says(200, b"{}")) as discord, webhook(says(200, b"ok")) as slack:
        config = with_webhooks(database, discord_webhook_url=discord.url, slack_webhook_url=slack.url)
        put(database, "a", "a", "b")
        send(config)
        send(config)
    assert [body["embeds"][0]["fields"][0]["value"] for body in discord.bodies] == ["\\*Broken\\* pipe"] * 2
    assert [body["text"] for body in slack.bodies] == ["\U0001f534 Off air @everyone"] * 2
    assert discord.paths == ["/api/webhooks/1/s3cret-token?wait=true"] * 2
    assert rows(database) == [("sent", 1)] * 4


def test_too_many_requests_are_waited_out_in_order(database: Database) -> None:
    with webhook(says(429, b'{"retry_after": 1200.5}', Retry_After="1200"), says(204)) as hook:
        config = with_webhooks(database, discord_webhook_url=hook.url)
        put(database, "first", "second")
        send(config)
        assert len(hook.bodies) == 1, "the second waits behind the first"
        ((wait,),) = database.rows(
            "SELECT extract(epoch FROM next_attempt_at - now())::int FROM notification_outbox WHERE attempts = 1"
        )
        assert 1190 <= wait <= 1202
        due_now(database)
        send(config)
    footers = [body["embeds"][0]["footer"]["text"] for body in hook.bodies]
    assert footers[0] == footers[1] != footers[2], "the repeat carries the same id"
    assert rows(database) == [("sent", 2), ("sent", 1)]


@pytest.mark.parametrize(
    ("behaviour", "state", "words"),
    [
        (says(500), "pending", "it answered 500"), (says(400), "dead", "it answered 400"),
        (says(302, Location="http://127.0.0.1:1/"), "dead", "redirects"), (kit.closes, "pending", ""),
        (kit.garbles, "pending", "no HTTP"), (kit.hangs, "pending", "within 2 s"), (kit.drips, "pending", "within 2 s"),
        (kit.floods, "sent", "sent"),
    ],
    ids=["500", "400", "302", "closes", "garbles", "hangs", "drips", "10 MB"],
)  # fmt: skip
def test_every_other_answer(database: Database, behaviour: kit.Behaviour, state: str, words: str) -> None:
    with webhook(behaviour) as hook:
        put(database, "a")
        timeout_seconds = 2.0 if "within" in words else 30.0
        said = send(with_webhooks(database, timeout_seconds, slack_webhook_url=hook.url))
        assert len(hook.bodies) == 1
    assert rows(database) == [(state, 1)]
    assert words in said[0]
    assert "s3cret" not in "".join(said)
    ((stored,),) = database.rows("SELECT string_agg(o::text, '') FROM notification_outbox o")
    assert "s3cret" not in stored


def test_only_the_beginning_of_a_long_answer_is_taken() -> None:
    with webhook(kit.floods) as hook:
        assert len(post(hook.url, {}, allow_private=True).body) == 65_536


def test_a_webhook_that_is_gone_gets_nothing_more_until_a_test_reaches_it(database: Database) -> None:
    with webhook(says(404), says(204)) as hook:
        config = with_webhooks(database, discord_webhook_url=hook.url)
        put(database, "a", "b")
        said = send(config)
        assert ("removed" in said[0], len(said), len(hook.bodies)) == (True, 1, 1)
        assert rows(database) == [("gone", 1), ("dead", 0)]
        once = finished(config, "notify", "--once", **settings(hook.url))
        assert (once.returncode, "gets nothing" in once.stderr, "s3cret" in once.stderr) == (1, True, False)
        test = finished(config, "notify", "--test", **settings(hook.url))
        assert (test.returncode, "sent" in test.stdout, "s3cret" in test.stdout + test.stderr) == (0, True, False)
        put(database, "c")
        send(config)
    assert rows(database)[-1] == ("sent", 1)


def test_what_is_a_day_old_is_given_up(database: Database) -> None:
    with webhook() as hook:
        put(database, "a")
        database.rows("UPDATE notification_outbox SET created_at = now() - interval '25 hours'")
        send(with_webhooks(database, discord_webhook_url=hook.url))
        assert hook.bodies == []
    assert database.rows("SELECT state, last_error FROM notification_outbox") == [("dead", "given up after a day")]


def test_private_addresses_and_plain_http_are_refused_unless_allowed() -> None:
    with webhook() as hook:
        port = hook.server_address[1]
        for url, words in (
            (hook.url, "not https"), (f"https://127.0.0.1:{port}/", "private network"), ("https://localhost/", "private network"),
            ("https://[::ffff:127.0.0.1]/", "private network"), ("https://2130706433/", "private network"),
            ("https://a.invalid/\r\nX: y", "characters"), ("file:///etc/passwd", "https://"),
        ):  # fmt: skip
            with pytest.raises(NotSent, match=words):
                post(url, {})
        assert hook.bodies == []


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
def test_a_certificate_must_be_vouched_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    with webhook() as hook:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        hook.socket = context.wrap_socket(hook.socket, server_side=True)
        port = hook.server_address[1]
        with pytest.raises(NotSent, match="certificate"):
            post(f"https://localhost:{port}/", {}, allow_private=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert post(f"https://localhost:{port}/", {}, allow_private=True).status == 204
        with pytest.raises(NotSent, match="certificate"):
            post(f"https://127.0.0.1:{port}/", {}, allow_private=True)


def test_a_notifier_that_is_killed_loses_nothing(database: Database) -> None:
    with webhook(kit.hangs, says(204)) as hook:
        config = with_webhooks(database, discord_webhook_url=hook.url)
        put(database, "a")
        process = start(config, "notify", **settings(hook.url))
        wait_until(lambda: len(hook.bodies) == 1, "the first try")
        second = finished(config, "notify", **settings(hook.url))
        assert (second.returncode, "another notifier" in second.stderr) == (1, True)
        process.kill()
        process.communicate()
        assert rows(database) == [("pending", 1)]
        due_now(database)  # its lease ends
        process = start(config, "notify", **settings(hook.url))
        wait_until(lambda: rows(database) == [("sent", 2)], "the repeat")
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0
    assert hook.bodies[0] == hook.bodies[1], "same message, same id"
    assert "s3cret" not in stderr


def test_two_senders_at_once_send_once(database: Database) -> None:
    with webhook(says(204)) as hook:
        config = with_webhooks(database, discord_webhook_url=hook.url)
        put(database, *map(str, range(20)))
        threads = [threading.Thread(target=send, args=(config,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        send(config)
        footers = [body["embeds"][0]["footer"]["text"] for body in hook.bodies]
    assert len(footers) == len(set(footers)) == 20


def report(database: Database, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return finished(database.config, "report", "--format", "text", *arguments, **more)


def test_a_report_is_sent_and_its_url_kept_secret(database: Database, tmp_path: Path) -> None:
    with webhook(says(500), says(204)) as hook:
        (tmp_path / "url").write_text(hook.url + "\n")
        allowed = {"RADIOLOG_WEBHOOK_ALLOW_PRIVATE": "true"}
        done = report(database, "--webhook-url", f"@{tmp_path / 'url'}", "--webhook-kind", "discord", **allowed)
        assert (done.returncode, "warning" in done.stderr) == (0, False), done.stderr
        assert len(hook.bodies) == 2
        done = report(database, "--webhook-url", hook.url, "--webhook-kind", "slack", **allowed)
        assert (done.returncode, "can be read by everybody" in done.stderr) == (0, True)
        assert "s3cret" not in done.stderr + done.stdout
        assert "Nothing was logged" in str(hook.bodies[-1])
        done = report(database, "--send-notification", **settings(hook.url))
        assert done.returncode == 0, done.stderr
        assert len(hook.bodies) == 4


def test_a_report_that_is_not_taken_says_so_by_its_exit_code(database: Database) -> None:
    with webhook(says(404)) as hook:
        done = report(database, "--send-notification", **settings(hook.url))
        assert (done.returncode, "404" in done.stderr, ".txt" in done.stdout) == (1, True, True), (
            "the report is there all the same"
        )
    for arguments, words in ((("--send-notification",), "no webhook"), (("--webhook-url", "x"), "is none"),
                             (("--webhook-url", "@/nowhere"), "cannot be read"), (("--webhook-kind", "slack"), "--webhook-url")):  # fmt: skip
        done = report(database, *arguments, "--output-dir", "refused")
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert not (database.config.log_path.parent / "refused").exists()


def test_what_is_no_webhook_writes_nothing_and_is_not_repeated(database: Database, radiolog: Command) -> None:
    folder = database.config.log_path.parent / "refused"
    for url, kind, words in (
        ("https://", "slack", "is none"), ("https://s3cret example", "discord", "is none"), ("s3cret", "slack", "is none"),
        ("ftp://s3cret.example/x", "discord", "is none"), ("http://s3cret.example/x", "slack", "not https"),
        ("https://s3cret.example/x", "", "--webhook-kind"), ("http://[s3cret", "slack", "is none"), ("", "slack", "is none"),
    ):  # fmt: skip
        kinds = ("--webhook-kind", kind) if kind else ()
        for command in (("report", "--output-dir", str(folder)), ("digest",)):
            done = radiolog(*command, "--webhook-url", url, *kinds)
            assert (done.code, done.out, words in done.err) == (2, "", True), (url, done)
            assert "s3cret" not in done.err.replace("keeps it secret", "")
    assert not folder.exists()


@pytest.mark.filterwarnings("ignore:.*slated for removal:DeprecationWarning")
def test_apprise_sends_to_other_services(database: Database, radiolog: Command) -> None:
    with webhook(says(500), says(200)) as hook:
        url = f"json://127.0.0.1:{hook.server_address[1]}/s3cret-token"
        config = with_webhooks(database, apprise_url=url)
        put(database, "a")
        said = send(config)
        assert rows(database) == [("pending", 1)]
        due_now(database)
        said += send(config)
        assert rows(database) == [("sent", 2)]
        assert "s3cret" not in "".join(said)
        assert hook.bodies[-1]["title"] == "\U0001f534 Off air @\u200beveryone"
        assert hook.bodies[-1]["type"] == "failure"
        assert radiolog("notify", "--test", RADIOLOG_APPRISE_URL=url).code == 0
    done = radiolog("notify", "--test", RADIOLOG_APPRISE_URL="no-such-service://s3cret")
    assert (done.code, "does not know" in done.out, "s3cret" in done.out + done.err) == (1, True, False)


def test_a_running_notifier_sends_the_report(database: Database) -> None:
    with webhook() as hook:
        config = with_webhooks(database, discord_webhook_url=hook.url)
        process = start(config, "notify", **settings(hook.url))
        try:
            outbox = Outbox(database.config)
            wait_until(outbox.is_notifier_running, "the notifier")
            outbox.close()
            done = report(database, "--send-notification", **settings(hook.url))
            assert (done.returncode, "running notifier" in done.stderr) == (0, True)
            wait_until(lambda: len(hook.bodies) == 1, "the report's message")
        finally:
            process.terminate()
            process.communicate(timeout=60)


def test_a_monitor_hears_of_the_notifier_while_a_daemon_lives(database: Database) -> None:
    with webhook() as hook:
        values = {**dict(with_webhooks(database, discord_webhook_url=hook.url)), "heartbeat_url": hook.url + "/beat"}
        config = LoggingConfig(**values)
        for alive, beats in (("5 min", 0), ("1 s", 1)):
            database.rows("DELETE FROM ingest_instances")
            database.rows(
                "INSERT INTO ingest_instances (instance, machine, heartbeat_at) VALUES ('m/run/1', 'm', now() - %s::interval)",
                alive,
            )
            put(database, alive)
            stopping, said = threading.Event(), list[str]()
            sender = Sender(config, configured(config), said.append)
            thread = threading.Thread(target=sender.run, args=(stopping,))
            thread.start()
            wait_until(lambda alive=alive: len(hook.bodies) == 1 + (alive == "1 s"), "a message")  # type: ignore[misc]
            wait_until(lambda: sender._beat_at > 0, "a heartbeat's turn")  # noqa: B023
            stopping.set()
            thread.join()
            sender.outbox.close()
            assert sum(path.endswith("/beat") for path in hook.paths) == beats, said
    assert database.rows("SELECT alert FROM alert_state") == [("daemon_silent",)], (
        "and it looks after the daemon itself"
    )


def test_a_daemon_that_falls_silent_is_told_of_once_and_so_is_its_return(database: Database) -> None:
    outbox = Outbox(database.config)
    watch = DaemonWatch(outbox)

    def after(seconds: float, *, signs: bool = False) -> list[str]:
        """Time passes, with or without signs of life; then a look. Gives all that has been told."""
        back = f"interval '{seconds} s'"
        sign = "now()" if signs else f"heartbeat_at - {back}"
        database.rows(f"UPDATE ingest_instances SET heartbeat_at = {sign}")
        database.rows(
            f"UPDATE alert_state SET since = since - {back}, detail ="
            f" jsonb_build_object('phase_at', (detail ->> 'phase_at')::timestamptz - {back})"
        )
        watch.look()
        return [title for (title,) in database.rows("SELECT payload ->> 'title' FROM notification_outbox ORDER BY id")]

    for name in ("m/run/1", "m/once-x/2"):
        database.rows("INSERT INTO ingest_instances (instance, machine, host) VALUES (%s, 'm', 'studio')", name)
    assert after(0) == []
    assert after(119) == []
    assert after(40) == [], "the database may just have come back"
    assert after(10, signs=True) == []
    silent = "studio: radiolog's daemon is silent"
    assert after(130) == []
    assert after(61) == [silent]
    assert after(600) == [silent]
    assert after(10, signs=True) == [silent, "studio: radiolog's daemon is back"]
    database.rows("UPDATE ingest_instances SET stopped_at = now()")
    assert len(after(10_000)) == 2, "a daemon that was stopped is no alarm"
    outbox.close()


def test_a_daemon_that_was_dead_before_anybody_watched_is_no_news(database: Database) -> None:
    database.rows(
        "INSERT INTO ingest_instances (instance, machine, host, heartbeat_at)"
        " VALUES ('m/run/1', 'm', 'studio', now() - interval '1 hour')"
    )
    outbox = Outbox(database.config)
    for _ in range(3):
        DaemonWatch(outbox).look()
        database.rows('UPDATE alert_state SET detail = \'{"phase_at": "2026-01-01T00:00:00Z"}\'')
    outbox.close()
    assert database.rows("SELECT count(*) FROM notification_outbox") == [(0,)]
    assert database.rows("SELECT alert, state FROM alert_state") == [("daemon_silent@studio", "muted")]


def test_without_any_webhook_there_is_nothing_to_run(database: Database) -> None:
    done = finished(database.config, "notify", "--once")
    assert (done.returncode, "no webhook is configured" in done.stderr) == (2, True)
    done = finished(database.config, "notify", "--test", RADIOLOG_APPRISE_URL="json://127.0.0.1:9/s3cret")
    assert done.returncode == 1
    assert "s3cret" not in done.stdout + done.stderr
