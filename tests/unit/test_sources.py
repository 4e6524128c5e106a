"""Which files belong to a source."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from ingest.sources import Source, pattern_of
from ingest.telemetry import Telemetry
from ingest.tree import Tree

INCLUDE = ("**/*.log", "**/*.jsonl")


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def find(source: Source) -> list[str]:
    return [found.path for found in Tree((source,), INCLUDE, Telemetry(stream=None)).look()]


def names(source: Source, folder: Path) -> set[str]:
    return {str(Path(path).relative_to(folder)) for path in find(source)}


def test_a_folder_gives_live_and_rotated_names_at_any_depth(tmp_path: Path) -> None:
    touch(tmp_path, "a.log", "a.log.1", "a.log.2.gz", "b/c/d.jsonl", "notes.txt", ".git/x.log")
    assert names(Source(str(tmp_path), "folder"), tmp_path) == {"a.log", "a.log.1", "a.log.2.gz", "b/c/d.jsonl"}


def test_a_pattern_gives_the_rotated_names_too(tmp_path: Path) -> None:
    touch(tmp_path, "x/ffmpeg-1.txt", "x/ffmpeg-1.txt.1", "x/ffmpeg-2.txt-20261122.gz", "x/other.txt", "y/ffmpeg-1.txt")
    source = pattern_of(f"{tmp_path}/x/ffmpeg-*.txt")
    assert source.folder == f"{tmp_path}/x"
    assert names(source, tmp_path) == {"x/ffmpeg-1.txt", "x/ffmpeg-1.txt.1", "x/ffmpeg-2.txt-20261122.gz"}


def test_a_configured_file_has_rotated_names_too(tmp_path: Path) -> None:
    touch(tmp_path, "one.txt", "one.txt.1", "two.txt")
    assert names(pattern_of(f"{tmp_path}/one.txt"), tmp_path) == {"one.txt", "one.txt.1"}


def test_a_named_file_is_itself_alone(tmp_path: Path) -> None:
    touch(tmp_path, "a.log", "a.log.1")
    assert names(Source(f"{tmp_path}/a.log", "file"), tmp_path) == {"a.log"}
    assert names(Source(f"{tmp_path}/none.log", "file"), tmp_path) == set()


@pytest.mark.parametrize("kind", ["folder", "pattern"])
def test_what_matches_is_what_is_found(tmp_path: Path, kind: str) -> None:
    touch(tmp_path, "a.log", "a.log.1", "b/c.log", "b/c.txt")
    source = Source(str(tmp_path) if kind == "folder" else f"{tmp_path}/*.log", kind)  # type: ignore[arg-type]
    everything = {str(path) for path in tmp_path.rglob("*") if path.is_file()}
    assert {path for path in everything if source.matches(path, INCLUDE)} == set(find(source))


@pytest.mark.parametrize("linked", [True, False])
def test_a_remembered_folder_shows_what_came_went_and_was_swapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool
) -> None:
    """Every listing is remembered at once here; a folder's own time and its links tell of changes."""
    monkeypatch.setattr("ingest.tree.SETTLED_AFTER_NS", -1)
    touch(tmp_path, "logs/a.log", "logs/inner/b.log", "elsewhere-1", "elsewhere-2")
    links = ["logs/link.log"] if linked else []
    for link in links:
        (tmp_path / link).symlink_to(tmp_path / "elsewhere-1")
    tree = Tree((Source(str(tmp_path / "logs"), "folder"),), INCLUDE, Telemetry(stream=None), lambda: 0.0)

    def seen() -> dict[str, int]:
        return {Path(path).name: key[1] for path, key in tree.look()}

    def there(*paths: str) -> dict[str, int]:
        return {Path(path).name: (tmp_path / path).stat().st_ino for path in (*paths, *links)}

    assert seen() == seen() == there("logs/a.log", "logs/inner/b.log")
    assert (tree.look() is tree.look()) is not linked, "nothing but a link's target may change unseen"
    touch(tmp_path, "logs/inner/c.log")
    (tmp_path / "logs" / "a.log").unlink()
    assert seen() == there("logs/inner/b.log", "logs/inner/c.log")
    touch(tmp_path, "logs/inner/next")
    (tmp_path / "logs" / "inner" / "next").rename(tmp_path / "logs" / "inner" / "b.log")
    (tmp_path / "elsewhere-2").rename(tmp_path / "elsewhere-1")
    assert seen() == there("logs/inner/b.log", "logs/inner/c.log")
    assert set(tree.folders) == {str(tmp_path / "logs"), str(tmp_path / "logs" / "inner")}
    (tmp_path / "logs" / "inner").rename(tmp_path / "inner")
    assert seen() == there()


def test_a_remembered_listing_is_made_anew_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For file systems that keep folders' times badly."""
    monkeypatch.setattr("ingest.tree.SETTLED_AFTER_NS", -1)
    touch(tmp_path, "a.log")
    now = [0.0]
    tree = Tree((Source(str(tmp_path), "folder"),), INCLUDE, Telemetry(stream=None), lambda: now[0])
    first = tree.look()
    now[0] = 29.0
    assert tree.look() is first
    now[0] = 31.0
    assert tree.look() is not first


@pytest.mark.parametrize("call", ["scandir", "stat"])
def test_what_could_not_be_looked_at_once_is_looked_at_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """No descriptor was left, or a network file system did not answer: what else is there does not change meanwhile."""
    monkeypatch.setattr("ingest.tree.SETTLED_AFTER_NS", -1)
    touch(tmp_path, "inner/a.log", "b.log")
    real = getattr(os, call)
    failed: list[str] = []

    def fail_once(path: str, *args: Any, **more: Any) -> Any:
        if "inner" in str(path) and not failed:
            failed.append(path)
            raise OSError(errno.EIO, "no answer")
        return real(path, *args, **more)

    tree = Tree((Source(str(tmp_path), "folder"),), INCLUDE, Telemetry(stream=None), lambda: 0.0)
    monkeypatch.setattr(f"ingest.tree.os.{call}", fail_once)
    assert [Path(path).name for path, _ in tree.look()] == ["b.log"]
    assert [Path(path).name for path, _ in tree.look()] == ["b.log", "a.log"]
    assert tree.look() is tree.look()
