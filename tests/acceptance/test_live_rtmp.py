"""A real FFmpeg, a real RTMP server, the daemon: the server dies, FFmpeg fails, cannot connect, is back, is ended."""

import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds
from process_kit import finished, start, wait_until

KEY = "fak3-k3y0-abcd-1234-wxyz"
MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
FFMPEG = shutil.which("ffmpeg")

pytestmark = [
    pytest.mark.skipif(FFMPEG is None, reason="ffmpeg is not installed"),
    pytest.mark.skipif(NGINX is None or not MODULE.exists(), reason="nginx with libnginx-mod-rtmp is not installed"),
]


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def rtmp_server(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """nginx, listening; killed at the end at the latest."""
    folder.mkdir(exist_ok=True)
    (folder / "logs").mkdir(exist_ok=True)
    config = folder / "nginx.conf"
    config.write_text(
        f"load_module {MODULE};\ndaemon off;\nmaster_process off;\npid {folder}/nginx.pid;\n"
        f"error_log {folder}/logs/error.log;\nevents {{}}\n"
        f"rtmp {{ server {{ listen 127.0.0.1:{port}; access_log off; application live {{ live on; }} }} }}\n"
    )
    assert NGINX is not None
    process = subprocess.Popen([NGINX, "-p", str(folder), "-e", f"{folder}/logs/error.log", "-c", str(config)])
    try:
        wait_until(lambda: listens(port, process), f"nginx on port {port}")
        yield process
    finally:
        process.kill()
        process.wait()


def listens(port: int, process: "subprocess.Popen[bytes]") -> bool:
    """Whether the server takes connections."""
    assert process.poll() is None, "nginx ended"
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def encoder(log: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """FFmpeg as a radio runs it, its stderr appended to the log; killed at the end at the latest."""
    assert FFMPEG is not None
    command = [
        FFMPEG, "-nostdin", "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100", "-c:a", "aac",
        "-b:a", "64k", "-f", "flv", f"rtmp://127.0.0.1:{port}/live/{KEY}",
    ]  # fmt: skip
    with log.open("ab") as stderr:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_the_outage_of_a_live_stream(database: Database, tmp_path: Path) -> None:
    def has(condition: str, count: int) -> bool:
        found = database.rows(f"SELECT count(*) FROM stream_sessions WHERE {condition}")
        return bool(found[0][0] == count)

    port, log = free_port(), database.config.log_path / "ffmpeg.log"
    codes = []
    daemon = start(database.config, "run")
    try:
        log.write_text("[radio.sh] starting\n")
        wait_until(lambda: database.rows("SELECT lines FROM ingest_files") == [(1,)], "the daemon at the log's end")
        began_at = time.time()
        with rtmp_server(tmp_path / "nginx", port) as server, encoder(log, port) as first:
            wait_until(lambda: has("progress_count > 0", 1), "the stream's first statistics")
            server.kill()
            codes.append(first.wait(timeout=60))
        wait_until(lambda: has("end_kind = 'failed'", 1), "the end of the broken session")
        broken_at = time.time()
        with encoder(log, port) as second:
            codes.append(second.wait(timeout=60))
        wait_until(lambda: has("end_kind = 'failed'", 2), "the end of the refused one")
        with rtmp_server(tmp_path / "nginx", port):
            back_at = time.time()
            with encoder(log, port) as third:
                wait_until(lambda: has("progress_count > 0", 2), "statistics of the next one")
                seen_at = time.time()
                third.send_signal(signal.SIGTERM)
                codes.append(third.wait(timeout=60))
        wait_until(lambda: has("end_kind = 'signal'", 1), "the end by the signal")
        wait_until(lambda: database.rows("SELECT held FROM ingest_files") == [(0,)], "nothing held any more")
    finally:
        daemon.send_signal(signal.SIGTERM)
        _, said = daemon.communicate(timeout=60)
    assert daemon.returncode == 0, said

    shown = json.loads(finished(database.config, "sessions", "--days", "1", "--json").stdout)
    sessions = shown["sessions"][::-1]
    assert [row["end_kind"] for row in sessions] == ["failed", "failed", "signal"]
    assert [row["health"] for row in sessions] == ["failed", "failed", "ok"]
    assert [row["exit_guess"] for row in sessions] == codes
    assert [row["progress_count"] > 0 for row in sessions] == [True, False, True]
    assert {row["time_quality"] for row in sessions} == {"arrival"}
    (incident,) = shown["incidents"]
    assert (incident["kind"], incident["session_count"], incident["category"]) == ("failure", 2, "network")
    assert incident["cause"] == sessions[0]["cause"]
    assert "Connection refused" in sessions[1]["cause"]
    assert incident["recovered_session_key"] == sessions[2]["session_key"]
    assert back_at - broken_at <= incident["outage_seconds"] <= seen_at - began_at
    assert incident["outage_seconds"] == pytest.approx(sessions[0]["silent_seconds"])
    assert KEY not in json.dumps(shown) + said
    assert not database.rows("SELECT 1 FROM error_log e WHERE e::text LIKE %s", f"%{KEY}%")
    assert not database.rows("SELECT 1 FROM ingest_files f WHERE f::text LIKE %s", f"%{KEY}%")
    ledger_holds(database)
