"""Secrets of the configuration and stream keys in logs: looked for in everything that radiolog says, stores and starts."""

from pathlib import Path

from daemon_kit import Lines, running
from fix_postgres import Database
from process_kit import finished, start

# Parts of each, since an error may quote a part.
SECRETS = {
    "POSTGRES_PASSWORD": "canarypw-%ZZ-a=b c'd",
    "RADIOLOG_DISCORD_WEBHOOK_URL": "https://discord.com/api/webhooks/1/canaryhook",
    "RADIOLOG_SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/canaryslack",
    "RADIOLOG_HEARTBEAT_URL": "https://hc.example/canarybeat",
}
CANARY = "canary"
KEY = "canary-key1-0000-stream"
FFMPEG = (
    "Output #0, flv, to 'rtmp://a.rtmp.youtube.com/live2/{key}':\n"
    "[rtmp @ 0x5581] Cannot open connection rtmp://a.rtmp.youtube.com/live2/{key}\n"
    "rtmp://a.rtmp.youtube.com/live2/{key}: Input/output error\n"
)


def test_nothing_that_is_said_stored_or_started_holds_a_secret(database: Database, tmp_path: Path) -> None:
    (database.config.log_path / "ffmpeg.log").write_text(FFMPEG.format(key=KEY))
    lines = Lines(database)
    lines.append()
    said = {}
    with running(database.config, DEBUG="true", LOG_LEVEL="debug", **SECRETS) as daemon:
        lines.wait("the daemon reads")
        said["its command line"] = Path(f"/proc/{daemon.process.pid}/cmdline").read_text()
        for command in (
            ("status", "--json"), ("config", "show"), ("report", "--output-dir", str(tmp_path / "reports")), ("export", "--include-errors", "--output-dir", str(tmp_path / "out")),
            ("dead-letters", "export"),
        ):  # fmt: skip
            result = finished(database.config, *command, DEBUG="true", **SECRETS)
            said[" ".join(command)] = result.stdout + result.stderr
        daemon.stop()
        said["its log"] = daemon.log
    for folder in ("reports", "out"):
        for path in (tmp_path / folder).iterdir():
            said[path.name] = path.read_text(encoding="utf-8", errors="replace")
    for (table,) in database.rows(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    ):
        said[table] = str(database.rows(f"SELECT t::text FROM {table} t"))
    assert len(said) > 20
    assert [where for where, text in said.items() if CANARY in text.lower()] == []


def test_errors_of_a_connection_quote_no_secret(database: Database) -> None:
    """Wrong host, wrong socket, a server that asks for TLS: libpq's own texts would hold parts of it."""
    away = {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": "1"}
    for command, wrong in (
        (("stats",), {"POSTGRES_HOST": "/nonexistent"}),
        (("stats",), {**away, "POSTGRES_SSLMODE": "verify-full", "POSTGRES_SSLROOTCERT": "/none"}),
        (("stats",), {"POSTGRES_USER": "nobody_knows"}),
        (("doctor",), {"POSTGRES_DB": "no_such"}),
        (("notify", "--once"), away),
    ):
        result = finished(database.config, *command, DEBUG="true", **{**SECRETS, **wrong})
        assert result.returncode == 1, (command, wrong, result)
        assert CANARY not in (result.stdout + result.stderr).lower(), (command, wrong)


def test_a_daemon_without_a_database_quotes_no_secret(database: Database) -> None:
    process = start(database.config, "run", DEBUG="true", **{**SECRETS, "POSTGRES_HOST": "/nonexistent"})
    assert process.stderr is not None
    assert "database_unavailable" in process.stderr.readline()
    process.terminate()
    _, rest = process.communicate(timeout=60)
    assert CANARY not in rest.lower()
