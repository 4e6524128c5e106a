"""The states in which events do not come, with the real daemon: nothing is missed, and it says what happened.

Most wait for the sweep only, so its interval is short. Where the machine's limits are met, a user namespace of its own
with lower ones is used.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from daemon_kit import Lines, RunningDaemon, running
from fault_proxy import FaultProxy
from fix_postgres import Database, Server
from ingest_kit import lines_of, metric
from process_kit import COMMAND, environment, finished, wait_until

SWEEP = {"RADIOLOG_SWEEP_INTERVAL_SECONDS": "0.5"}


@contextmanager
def running_in(database: Database, server: Server, *prefix: str, **settings: str) -> Iterator[RunningDaemon]:
    """`radiolog run` behind another program that becomes it.

    It reaches the database over TCP: with fewer rights it may not enter the socket's folder.
    """
    if shutil.which(prefix[0]) is None:
        pytest.skip(f"{prefix[0]} is not installed")
    log = database.config.log_path.parent / "daemon.stderr"
    with FaultProxy(server) as relay, log.open("w") as stderr:
        process = subprocess.Popen(
            [*prefix, COMMAND, "run"], cwd=log.parent, stderr=stderr, text=True,
            env=environment(relay.config(database.config), RADIOLOG_ROTATE_WAIT_SECONDS="1", **SWEEP, **settings),
        )  # fmt: skip
        try:
            yield RunningDaemon(process, log)
        finally:
            process.kill()
            process.wait()


def in_namespace(script: str) -> tuple[str, ...]:
    """A prefix: a user and mount namespace of its own, prepared by a script, or the test is skipped."""
    tried = subprocess.run(["unshare", "-Urm", "sh", "-c", script], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"not permitted here: {tried.stderr.strip()}")
    return ("unshare", "-Urm", "sh", "-c", f'{script} && exec "$@"', "sh")


def without_override() -> tuple[str, ...]:
    """A prefix: root that may not read what its owner may not."""
    if os.geteuid():
        return ("env",)
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")


def health(database: Database) -> dict[str, Any]:
    """What the daemon said with its last heartbeat."""
    status = json.loads(finished(database.config, "status", "--json").stdout)
    return dict(status["instances"][0]["health"] or {})


def has_metrics(database: Database, count: int) -> bool:
    """Whether so many rows are stored."""
    return database.rows("SELECT count(*) FROM system_metrics") == [(count,)]


def read_first(lines: Lines, *names: str) -> None:
    """A line of each file is read: the daemon is at work."""
    for name in names:
        lines.append(1, name)
    lines.wait("the first lines")


def test_queue_overflow(database: Database) -> None:
    """More events than the kernel keeps, while nobody reads them; a file and a folder that come behind them."""
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if most > 65536:
        pytest.skip(f"fs.inotify.max_queued_events is {most}")
    folder = database.config.log_path
    lines = Lines(database)
    with running(database.config) as daemon:
        read_first(lines, "a.log", "b.log")
        daemon.pause()
        for _ in range(most // 2 + 100):  # in turn: the kernel joins events that are alike
            for name in ("a.log", "b.log"):
                (folder / name).open("a").close()
                os.utime(folder / name)
        (folder / "new").mkdir()
        lines.append(1, "new/c.log")
        lines.append(1, "d.log")
        daemon.go_on()
        lines.wait("what came behind the overflow")
        daemon.wait_for("events_overflowed")
        daemon.stop()
    lines.hold()


@pytest.mark.needs_privilege
def test_watches_used_up(database: Database, server: Server) -> None:
    """A recursive start that runs out of watches raises nothing: most folders are simply not watched."""
    prefix = in_namespace("echo 4 > /proc/sys/user/max_inotify_watches")
    names = [f"station-{number}/a.log" for number in range(10)]
    for name in names:
        (database.config.log_path / name).parent.mkdir()
    lines = Lines(database)
    with running_in(database, server, *prefix) as daemon:
        read_first(lines, *names)
        daemon.wait_for("watch_failed", "folders cannot be watched")
        for name in names:
            lines.append(2, name)
        lines.wait("lines in folders that are not watched")
        daemon.stop()
    lines.hold()


@pytest.mark.needs_privilege
def test_instances_used_up(database: Database, server: Server) -> None:
    prefix = in_namespace("echo 0 > /proc/sys/user/max_inotify_instances")
    lines = Lines(database)
    with running_in(database, server, *prefix) as daemon:
        daemon.wait_for("watch_failed", "the sweep goes on without events")
        read_first(lines, "a.log", "b.log")
        lines.append(2)
        lines.wait("lines without any events")
        wait_until(lambda: health(database).get("mode") == "sweep", "a heartbeat")
        assert "events cannot be had" in finished(database.config, "status").stdout
        daemon.stop()
    lines.hold()


def test_folder_not_readable_and_permission_given_later(database: Database, server: Server) -> None:
    folder = database.config.log_path / "closed"
    folder.mkdir()
    lines = Lines(database)
    lines.append(3, "closed/a.log")
    folder.chmod(0)
    try:
        with running_in(database, server, *without_override()) as daemon:
            daemon.wait_for("folder_unreadable", str(folder))
            folder.chmod(0o755)
            lines.wait("lines of a folder that can be read again")
            (folder / "a.log").chmod(0)
            lines.append(1, "b.log")
            (database.config.log_path / "c.log").touch(0o000)
            daemon.wait_for("file_unreadable", "c.log")
            (database.config.log_path / "c.log").chmod(0o644)
            (folder / "a.log").chmod(0o644)
            lines.append(1, "c.log")
            lines.wait("lines of a file that can be read again")
            daemon.stop()
    finally:
        folder.chmod(0o755)
    lines.hold()


@pytest.mark.parametrize("how", ["deleted", "renamed"])
def test_watched_folder_goes_and_comes_again(database: Database, how: str) -> None:
    folder = database.config.log_path
    lines = Lines(database)
    with running(database.config, **SWEEP) as daemon:
        read_first(lines, "a.log")
        if how == "deleted":
            shutil.rmtree(folder)
        else:
            lines.append(1)
            folder.rename(folder.with_name("away"))
        folder.mkdir()
        lines.append(3, "b.log")
        lines.wait("lines of the folder's successor")
        daemon.wait_for("watch_renewed")
        lines.append(1, "b.log")
        lines.wait("another line there")
        daemon.stop()
    lines.hold()


@pytest.mark.needs_privilege
def test_file_system_unmounted_and_mounted_again(database: Database, server: Server) -> None:
    """Every file system that stands at the place in turn is read."""
    folder = database.config.log_path
    mount = f"mount -t tmpfs none '{folder}'"
    prefix = in_namespace(mount)
    with running_in(database, server, *prefix) as daemon:

        def inside(command: str) -> None:
            inner = ["nsenter", "-t", str(daemon.process.pid), "-U", "-m", "--preserve-credentials"]
            subprocess.run([*inner, "sh", "-c", command], check=True)

        def write(number: int) -> str:
            return f"echo '{lines_of(metric(number)).strip()}' >> '{folder}/a.log'"

        def stored() -> list[int]:
            return [int(value) for (value,) in database.rows("SELECT metric_value FROM system_metrics ORDER BY 1")]

        daemon.wait_for("started")
        inside(write(1))
        wait_until(lambda: stored() == [1], "the first file system's line")
        inside(f"umount -l '{folder}'")
        inside(write(2))
        wait_until(lambda: stored() == [1, 2], "a line of what was hidden below")
        daemon.wait_for("watch_renewed")
        inside(f"{mount} && {write(3)}")
        wait_until(lambda: stored() == [1, 2, 3], "a line of the file system mounted later")
        daemon.stop()


@pytest.mark.needs_privilege
def test_written_behind_the_file_systems_back(database: Database, server: Server) -> None:
    """As on a server of NFS: the file is written where no event of ours arises (an overlay's upper folder)."""
    folder = database.config.log_path
    beside = folder.with_name("beside")
    for name in ("lower", "upper", "work"):
        (beside / name).mkdir(parents=True)
    options = f"lowerdir={beside}/lower,upperdir={beside}/upper,workdir={beside}/work"
    prefix = in_namespace(f"mount -t overlay overlay -o '{options}' '{folder}'")
    log = beside / "upper" / "a.log"
    log.write_text(lines_of(metric(0)))
    with running_in(database, server, *prefix) as daemon:
        for number in range(1, 4):
            wait_until(partial(has_metrics, database, number), "the line before")
            with log.open("a") as file:
                file.write(lines_of(metric(number)))
        wait_until(partial(has_metrics, database, 4), "the last line")
        wait_until(lambda: health(database).get("found_by_sweep", 0) >= 2, "the count of what no event announced")
        assert "found by sweep" in finished(database.config, "status").stdout
        daemon.stop()


def test_symbolic_link_to_a_file_elsewhere_and_its_swap(database: Database, tmp_path: Path) -> None:
    """No event tells of a link's target, nor of what a link leads to from now on."""
    links = tmp_path / "links"
    links.mkdir()
    for number, name in enumerate(("one", "two")):
        (tmp_path / name).write_text(lines_of(metric(number * 10)))
        os.utime(tmp_path / name, (0, 0))  # long idle: nothing but its size and time is looked at
    link = links / "current.log"
    link.symlink_to(tmp_path / "one")
    with running(database.config, RADIOLOG_EXTRA_PATHS=str(link), **SWEEP) as daemon:

        def stored() -> set[int]:
            return {int(value) for (value,) in database.rows("SELECT metric_value FROM system_metrics")}

        wait_until(lambda: stored() == {0}, "the target's line")
        with (tmp_path / "one").open("a") as file:
            file.write(lines_of(metric(1)))
        wait_until(lambda: stored() == {0, 1}, "a line appended to the target")
        (links / "next").symlink_to(tmp_path / "two")
        (links / "next").rename(link)
        wait_until(lambda: stored() == {0, 1, 10}, "the line of the new target")
        daemon.stop()
    assert database.rows("SELECT count(*) FROM system_metrics") == [(3,)]


def test_no_events_at_all(database: Database) -> None:
    """Polling, as configured: appends, rotation, new folders."""
    folder = database.config.log_path
    lines = Lines(database)
    with running(database.config, RADIOLOG_POLLING="true", **SWEEP) as daemon:
        read_first(lines, "a.log")
        lines.append(1)
        (folder / "a.log").rename(folder / "a.log.1")
        lines.append(1)
        (folder / "deep" / "er").mkdir(parents=True)
        lines.append(1, "deep/er/b.log")
        lines.wait("lines without events")
        wait_until(lambda: health(database).get("mode") == "polling", "a heartbeat")
        daemon.stop()
    lines.hold()


def test_folders_made_and_written_at_once(database: Database) -> None:
    """A folder and its file may be there before the folder's watch is."""
    lines = Lines(database)
    with running(database.config) as daemon:
        read_first(lines, "a.log")
        for number in range(150):
            (database.config.log_path / f"d{number}" / "sub").mkdir(parents=True)
            lines.append(1, f"d{number}/sub/x.log")
        lines.wait("a line of each new folder")
        daemon.stop()
    lines.hold()


def test_folders_renamed_under_the_daemon(database: Database, tmp_path: Path) -> None:
    """Into the tree with a log in it, within the tree, and out of it with a log that is still written."""
    folder = database.config.log_path
    lines = Lines(database)
    with running(database.config) as daemon:
        read_first(lines, "a.log")
        outside = tmp_path / "outside"
        outside.mkdir()
        (folder / "a.log").rename(outside / "a.log")
        outside.rename(folder / "in")
        lines.append(2, "in/a.log")
        lines.wait("lines of a folder that came with its log")
        (folder / "in").rename(folder / "within")
        lines.append(2, "within/a.log")
        lines.append(2, "within/b.log")
        lines.wait("lines under a folder's new name")
        (folder / "within").rename(outside)
        lines.append(2, f"{outside}/a.log")
        lines.append(2, "c.log")
        lines.wait("lines written through to what has left the tree")
        daemon.stop()
    lines.hold()


def test_all_files_rotate_at_once(database: Database) -> None:
    folder = database.config.log_path
    names = [f"{number}.log" for number in range(200)]
    lines = Lines(database)
    with running(database.config) as daemon:
        read_first(lines, *names)
        for name in names:
            lines.append(1, name)
        for name in names:
            (folder / name).rename(folder / f"{name}.1")
        for name in names:
            lines.append(1, name)
        lines.wait("lines on both sides of the rotation")
        daemon.stop()
    lines.hold()


def test_more_files_than_descriptors(database: Database, server: Server) -> None:
    """Idle files are closed to make room, opened again when they grow, and followed when they rotate meanwhile."""
    folder = database.config.log_path
    names = [f"{number}.log" for number in range(200)]
    lines = Lines(database)
    for name in names:
        lines.append(2, name)
    with running_in(database, server, "prlimit", "--nofile=112:112") as daemon:
        lines.wait("lines of all files")
        assert len(os.listdir(f"/proc/{daemon.process.pid}/fd")) < 112
        for name in names:
            lines.append(1, name)
        lines.wait("lines appended to all files")
        for number, name in enumerate(names[:100]):
            lines.append(number % 2, name)  # a closed file may rotate without having grown, too
            (folder / name).rename(folder / f"{name}.1")
            lines.append(1, name)
        lines.wait("lines on both sides of a rotation")
        wait_until(
            lambda: database.rows("SELECT count(*) FROM ingest_files WHERE state = 'finished'") == [(100,)],
            "the rotated files are finished",
        )
        daemon.stop()
    lines.hold()


def test_status_watches_until_interrupted(database: Database) -> None:
    """In a pipe it prints once an interval; Ctrl-C ends it cleanly."""
    process = subprocess.Popen(
        [COMMAND, "status", "--watch", "--json"], env=environment(database.config), text=True,
        cwd=database.config.log_path.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    seen = [json.loads(process.stdout.readline()) for _ in range(2)]
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=30)
    assert (process.returncode, complaint) == (0, "")
    assert [status["lag_bytes"] for status in seen] == [0, 0]
