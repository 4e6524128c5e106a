"""Lines reach the file whole and once: through rotation, from several processes, over full disks and lost folders."""

import contextlib
import errno
import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logging_module.rotation import LineFile

ROOT = Path(__file__).parents[2]


def line_file(path: Path, max_bytes: int = 10_000, backup_count: int = 5) -> LineFile:
    return LineFile(path, max_bytes=max_bytes, backup_count=backup_count)


def numbered(number: int) -> bytes:
    return b'{"seq":%d,"padding":"%s"}\n' % (number, b"x" * (number % 90))


def lines_of(path: Path) -> list[bytes]:
    """All lines of a file and of what was rotated from it, oldest first, blank ones left out."""
    rotated = sorted(path.parent.glob(path.name + ".*"), key=lambda name: -int(name.suffix[1:]))
    return [line for name in [*rotated, path] for line in name.read_bytes().split(b"\n") if line]


def test_a_full_file_is_renamed_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "radio.log"
    file = line_file(path, max_bytes=100, backup_count=2)
    for number in range(10):
        assert file.append(b"%d" % number + b"x" * 48 + b"\n")  # two lines a file
    assert [name.name for name in sorted(tmp_path.iterdir())] == ["radio.log", "radio.log.1", "radio.log.2"]
    assert [line[:1] for line in lines_of(path)] == [b"4", b"5", b"6", b"7", b"8", b"9"]
    assert all(name.stat().st_size <= 100 for name in tmp_path.iterdir())


def test_a_line_longer_than_the_file_is_written_whole(tmp_path: Path) -> None:
    file = line_file(tmp_path / "radio.log", max_bytes=100)
    for number in range(3):
        assert file.append(b"%d" % number * 500 + b"\n")
    assert [len(line) for line in lines_of(tmp_path / "radio.log")] == [500, 500, 500]


@pytest.mark.parametrize(("max_bytes", "backup_count"), [(0, 5), (100, 0)])
def test_without_size_or_backups_nothing_is_rotated(tmp_path: Path, max_bytes: int, backup_count: int) -> None:
    file = line_file(tmp_path / "radio.log", max_bytes=max_bytes, backup_count=backup_count)
    for number in range(100):
        assert file.append(numbered(number))
    assert [name.name for name in tmp_path.iterdir()] == ["radio.log"]
    assert len(lines_of(tmp_path / "radio.log")) == 100


def test_a_gap_in_the_numbers_is_filled_before_anything_goes(tmp_path: Path) -> None:
    """A rotation that was killed between two renames leaves a number out."""
    path = tmp_path / "radio.log"
    (tmp_path / "radio.log.1").write_bytes(b"one\n")
    (tmp_path / "radio.log.3").write_bytes(b"three\n")
    path.write_bytes(b"current\n")
    line_file(path, max_bytes=10, backup_count=3).append(b"a new line\n")
    assert lines_of(path) == [b"three", b"one", b"current", b"a new line"]


def test_another_writers_rotation_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "radio.log"
    file = line_file(path)
    file.append(b"before\n")
    path.rename(tmp_path / "radio.log.1")
    file.append(b"after\n")
    assert (path.read_bytes(), (tmp_path / "radio.log.1").read_bytes()) == (b"after\n", b"before\n")


def test_a_file_truncated_by_copytruncate_goes_on_at_its_start(tmp_path: Path) -> None:
    path = tmp_path / "radio.log"
    file = line_file(path)
    file.append(b"before\n")
    os.truncate(path, 0)
    file.append(b"after\n")
    assert path.read_bytes() == b"after\n"


WRITER = """
import sys, threading
from pathlib import Path
from logging_module import LoggingConfig, RadioLogger
folder, threads, lines = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
radio = RadioLogger(LoggingConfig(log_path=folder, log_file_max_bytes=100_000, log_file_backup_count=1000), "shared")
sys.stdin.readline()  # so that all begin at once
def write(thread):
    for number in range(lines):
        radio.log_metric("n", number, metadata={"thread": thread, "padding": "ü" * (number % 200)})
every = [threading.Thread(target=write, args=(thread,)) for thread in range(threads)]
[thread.start() for thread in every]
[thread.join() for thread in every]
assert radio.failed_lines == 0
"""


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "threads", "lines"), [(1, 8, 1000), (4, 1, 2000), (4, 4, 500)])
def test_many_writers_lose_tear_and_double_nothing(tmp_path: Path, processes: int, threads: int, lines: int) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(threads), str(lines)], cwd=ROOT, stdin=subprocess.PIPE
        )
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.close()
    assert [process.wait(timeout=120) for process in running] == [0] * processes

    path = tmp_path / "shared.log"
    records = [json.loads(line) for line in lines_of(path)]
    assert not [name for name in tmp_path.iterdir() if b"\n\n" in name.read_bytes()], "no blank line either"
    seqs: dict[str, list[int]] = {}
    for record in records:
        seqs.setdefault(record["run_id"], []).append(record["seq"])
    assert len(seqs) == processes
    for of_run in seqs.values():
        assert of_run == list(range(1, threads * lines + 1)), "complete, and in the order of the file"
    written = Counter((record["run_id"], record["metadata"]["thread"], record["metric_value"]) for record in records)
    assert len(written) == processes * threads * lines
    assert set(written.values()) == {1}
    assert len(list(tmp_path.iterdir())) > 5, "it was rotated"
    assert {name.name.partition(".")[0] for name in tmp_path.iterdir()} == {"shared"}, "nothing else is left behind"


def test_a_writer_that_is_killed_blocks_nobody(tmp_path: Path) -> None:
    """Stopped in the middle of a rotation: the others wait a moment, once, and write on."""
    path = tmp_path / "radio.log"
    path.write_bytes(b"first\n")
    holder = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); input()"
    stopped = subprocess.Popen([sys.executable, "-c", holder, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert stopped.stdout is not None
    stopped.stdout.readline()
    file = line_file(path, max_bytes=50)
    for number in range(50):
        assert file.append(b"%d\n" % number)
    stopped.send_signal(signal.SIGKILL)
    stopped.communicate()
    assert lines_of(path) == [b"first", *(b"%d" % number for number in range(50))]
    file._rotate_again_at = 0.0  # as if half a minute had passed
    file.append(b"this one is rotated, for now nobody holds the lock\n")
    assert (tmp_path / "radio.log.1").exists()


def test_without_locks_it_writes_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems have none. The kernel's answer is the one thing that is made up here."""

    def no_locks(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    file = line_file(tmp_path / "radio.log", max_bytes=1000, backup_count=50)
    for number in range(100):
        assert file.append(numbered(number))
    assert [json.loads(line)["seq"] for line in lines_of(tmp_path / "radio.log")] == list(range(100))


# -- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_full_device_is_reported_once_and_counted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "radio.log"
    path.symlink_to("/dev/full")
    file = line_file(path)
    assert [file.append(b"lost\n") for _ in range(3)] == [False, False, False]
    assert (file.failed_lines, file.last_error and file.last_error.errno) == (3, errno.ENOSPC)
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "No space left on device" in said

    path.unlink()
    assert file.append(b"written\n")
    assert path.read_bytes() == b"written\n"
    assert "3 lines were lost" in capfd.readouterr().err
    assert file.last_error is None


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Files cannot grow beyond `size`: what a disk quota does. Python ignores the signal that goes with it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_line_that_was_torn_is_ended_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "radio.log"
    file = line_file(path, max_bytes=0)
    assert file.append(b"whole\n")
    with largest_file(20):
        assert not file.append(b"the second line is torn\n")
        assert not file.append(b"lost\n")
    assert file.append(b"whole again\n")
    assert file.failed_lines == 2
    assert path.read_bytes().split(b"\n") == [b"whole", b"the second lin", b"whole again", b""]


def test_a_line_torn_by_another_writer_is_ended_too(tmp_path: Path) -> None:
    path = tmp_path / "radio.log"
    file = line_file(path)
    file.append(b"whole\n")
    with path.open("ab") as other:
        other.write(b"half")
    file.append(b"next\n")
    assert path.read_bytes() == b"whole\nhalf\nnext\n"
    assert line_file(path).append(b"a new process\n")
    assert path.read_bytes() == b"whole\nhalf\nnext\na new process\n"


@pytest.mark.needs_privilege
def test_a_full_disk_and_room_again(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("may not mount a file system")
    try:
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * 40_000)
        file = line_file(disk / "radio.log", max_bytes=0)
        written = [number for number in range(2000) if file.append(numbered(number))]
        assert file.failed_lines == 2000 - len(written) > 0
        ballast.unlink()
        assert file.append(numbered(2000))
        kept = [json.loads(line)["seq"] for line in lines_of(disk / "radio.log") if line.endswith(b"}")]
        assert kept == [*written, 2000]
        file.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_removed_folder_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "deeper" / "radio.log"
    file = line_file(path)
    assert file.append(b"one\n")
    path.unlink()
    path.parent.rmdir()
    (tmp_path / "logs").rmdir()
    assert file.append(b"two\n")
    assert path.read_bytes() == b"two\n"


def test_a_folder_that_cannot_be_made_loses_lines_until_it_can(tmp_path: Path) -> None:
    obstacle = tmp_path / "logs"
    obstacle.write_text("a file where the folder should be")
    file = line_file(obstacle / "radio.log")
    assert not file.append(b"lost\n")
    obstacle.unlink()
    assert file.append(b"written\n")
    assert (obstacle / "radio.log").read_bytes() == b"written\n"


def test_a_folder_in_the_files_place_and_a_pipe_nobody_reads_do_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "radio.log"
    path.mkdir()
    file = line_file(path)
    assert not file.append(b"lost\n")
    path.rmdir()
    os.mkfifo(path)
    for _ in range(20):  # the pipe takes 64 KiB, then it would block
        file.append(b"x" * 4095 + b"\n")
    assert file.failed_lines > 1
    path.unlink()
    assert file.append(b"written\n")


def test_a_descriptor_closed_by_somebody_else_is_opened_again(tmp_path: Path) -> None:
    """Services that become daemons close all descriptors."""
    path = tmp_path / "radio.log"
    file = line_file(path)
    file.append(b"one\n")
    os.close(file._fd)
    file.append(b"two\n")
    file.append(b"three\n")
    assert path.read_bytes() == b"one\nthree\n"
    assert file.failed_lines == 1


AS_NOBODY = """
import os, sys
from pathlib import Path
from logging_module.rotation import LineFile
def ask(): print(flush=True); sys.stdin.readline()
os.setgroups([]); os.setgid(65534); os.setuid(65534)
file = LineFile(Path(sys.argv[1]), max_bytes=30, backup_count=3)
said = [file.append(b"before\\n")]
ask()
said.append(file.append(b"folder closed\\n"))
ask()
said.append(file.append(b"cannot rename\\n"))
said.append(file.append(b"grows on\\n"))
ask()
said.append(file.append(b"after\\n"))
print(said, file.failed_lines, flush=True)
"""


@pytest.mark.needs_privilege
def test_permission_lost_and_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of the folder alone: the open file can still be written, but not renamed."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    folder = tmp_path / "logs"
    folder.mkdir()
    for parent in [tmp_path, *tmp_path.parents]:
        if not os.stat(parent).st_mode & 0o001 and str(parent).startswith("/tmp/"):  # noqa: S108
            parent.chmod(0o711)
    folder.chmod(0o777)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    process = subprocess.Popen(
        [sys.executable, "-c", AS_NOBODY, str(folder / "radio.log")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    for mode in (0o000, 0o555, 0o777):
        process.stdout.readline()
        folder.chmod(mode)
        process.stdin.write("\n")
        process.stdin.flush()
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert out.strip() == "[True, True, True, True, True] 0"
    assert "cannot be rotated" in err
    written = b"before folder_closed cannot_rename grows_on after".replace(b"_", b"-").split()
    assert [line.replace(b" ", b"-") for line in lines_of(folder / "radio.log")] == written


def test_threads_share_one_descriptor_without_a_leak(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    lock = threading.Lock()
    file = line_file(tmp_path / "radio.log", max_bytes=500, backup_count=3)

    def write() -> None:
        for number in range(300):
            with lock:
                file.append(numbered(number))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(os.listdir("/proc/self/fd")) == before + 1
    file.close()
    assert len(os.listdir("/proc/self/fd")) == before
