"""What the embedded server refuses, with a sentence that helps; and whom it lets in."""

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded_kit import (
    NOBODY,
    ROOT,
    STRANGER,
    as_user,
    ask,
    ensure,
    needs_root,
    open_,
    pid_of,
    place,
    server_account,
    wheel_is_reachable,
)

from ingest import embedded
from ingest.errors import ConfigurationError, DatabaseError, DatabaseUnavailable


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place for a data folder, which is not made yet."""
    with place() as made:
        yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """A data folder with a running server, for tests that leave it running."""
    with place() as data:
        ensure(data)
        yield data


def test_a_server_that_does_not_start_shows_the_end_of_its_log(folder: Path) -> None:
    with pytest.raises(DatabaseError, match=r"ended as it started(.|\n)*shared_buffers") as caught:
        ensure(folder, shared_buffers="nonsense")
    assert str(folder / "server.log") in str(caught.value)
    assert ask(folder, "SELECT 1") == 1, "the next start, with right settings, is not in its way"


def test_a_server_that_does_not_answer_is_unavailable_for_now(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure(folder)
    monkeypatch.setattr(embedded, "START_SECONDS", 0.1)
    pid = pid_of(folder)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(DatabaseUnavailable, match="does not answer"):
            ensure(folder)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert ask(folder, "SELECT 1") == 1
    assert pid_of(folder) == pid


def test_a_cluster_of_another_major_version_is_refused(folder: Path) -> None:
    ensure(folder)
    embedded.stop_server(folder)
    (folder / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(ConfigurationError, match=r"made by PostgreSQL 17, and this radiolog brings 18.*pg_dump"):
        ensure(folder)


def test_a_folder_that_is_no_cluster_is_not_touched(folder: Path) -> None:
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "letter.txt").write_text("dear")
    if ROOT:
        os.chown(folder / "postgres", NOBODY, NOBODY)
        folder.chmod(0o711)
    with pytest.raises(ConfigurationError, match="is no PostgreSQL data folder"):
        ensure(folder)
    assert [path.name for path in (folder / "postgres").iterdir()] == ["letter.txt"]


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    with pytest.raises(ConfigurationError, match="RADIOLOG_DATA_DIR"):
        ensure(tmp_path / "data")
    with pytest.raises(ConfigurationError, match="RADIOLOG_DATA_DIR"):
        ensure(tmp_path / "data" / "below")


@needs_root
def test_as_root_a_folder_behind_a_closed_one_is_refused_and_nothing_is_opened(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    before = {path: path.stat().st_mode for path in (closed, *closed.parents)}
    with pytest.raises(ConfigurationError, match=r"may not enter .*RADIOLOG_DATA_DIR") as caught:
        ensure(closed / "data")
    assert any(f"may not enter {path}:" in str(caught.value) for path in before)
    assert {path: path.stat().st_mode for path in before} == before


@needs_root
def test_as_root_the_data_of_an_ordinary_user_is_left_to_that_user(folder: Path) -> None:
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    with pytest.raises(ConfigurationError, match="run radiolog as that user"):
        ensure(folder)


@needs_root
def test_an_ordinary_user_has_a_server_of_its_own_and_root_may_use_it(folder: Path) -> None:
    if not wheel_is_reachable(NOBODY):
        pytest.skip("this environment lies where no other user can read it")
    os.chown(folder.parent, NOBODY, NOBODY)
    assert as_user(NOBODY, lambda: ensure(folder).user) == "'radio'"
    assert server_account(folder) == NOBODY
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert ask(folder, "SELECT current_user") == "radio"
    assert as_user(NOBODY, lambda: ask(folder, "SELECT session_user")) == "'radio'"
    assert as_user(NOBODY, lambda: embedded.stop_server(folder)) == "True"
    assert not embedded.is_running(folder)


@needs_root
def test_an_ordinary_user_cannot_use_roots_server(shared: Path) -> None:
    ensure(shared)
    refusal = as_user(STRANGER, lambda: ensure(shared))
    assert refusal.startswith("ConfigurationError: ")
    assert "RADIOLOG_DATA_DIR" in refusal


@needs_root
def test_the_kernel_says_who_connects_even_where_the_socket_is_open(shared: Path) -> None:
    server = ensure(shared)
    socket = server.socket_folder / ".s.PGSQL.5432"
    assert "Permission denied" in as_user(STRANGER, lambda: open_(server).close())
    try:
        server.socket_folder.chmod(0o755)
        socket.chmod(0o777)
        assert "Peer authentication failed" in as_user(STRANGER, lambda: open_(server).close())
        assert "Peer authentication failed" in as_user(server_account(shared), lambda: open_(server).close())
        open_(server).close()
    finally:
        server.socket_folder.chmod(0o700)
        socket.chmod(0o700)
