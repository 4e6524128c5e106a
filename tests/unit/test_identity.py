"""Families of rotated names, and proofs of position."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.identity import NOTHING, WINDOW_BYTES, family, fingerprint, is_rotated_name, stored_path, window_before


@pytest.mark.parametrize(
    "name",
    [
        "a.log.1", "a.log.12", "a.log.1.gz", "a.log.2.zst", "a.log.3.xz", "a.log.4.bz2", "a.log.gz", "a.log-20261122", "a.log-20261122.gz",
        "a.log.20261122", "a.log-20261122-2359", "a.log.2026-11-22", "a.log.2026-11-22_03-05-07", "a.log-20261122T2359",
        "a.log.old", "a.log.bak", "a-20261122.log", "a-2026-11-22.log", "a.1.log", "a.2026-11-22.log",
    ],
)  # fmt: skip
def test_rotated_names_belong_to_the_live_name(name: str) -> None:
    assert family(f"/l/{name}") == "/l/a.log"
    assert is_rotated_name(f"/l/{name}")


@pytest.mark.parametrize("name", ["a.log", "job1.log", "job2.log", "radio-1.log", "x264.json", "1.log", ".1"])
def test_live_names_are_their_own_family(name: str) -> None:
    assert family(f"/l/{name}") == f"/l/{name}"


def test_folders_are_part_of_the_family() -> None:
    assert family("/l/one/a.log.1") != family("/l/two/a.log.1")


@given(st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=30))
def test_family_is_idempotent(name: str) -> None:
    once = family(f"/l/{name}")
    assert family(once) == once


@given(data=st.binary(max_size=64), other=st.binary(max_size=64))
def test_a_fingerprint_matches_its_own_bytes_only(data: bytes, other: bytes) -> None:
    assert fingerprint(data).matches(data)
    assert fingerprint(data).matches(other) == (data == other)


def test_the_window_ends_at_the_offset() -> None:
    buffer = bytes(range(256)) * 40
    assert window_before(buffer, 1000, 1000 + 6000) == buffer[6000 - WINDOW_BYTES : 6000]
    assert window_before(buffer, 0, 10) == buffer[:10]
    assert window_before(buffer, 0, 0) == b""
    assert NOTHING.matches(b"")


def test_stored_paths_can_be_stored() -> None:
    path = b"/l/\xff\xfe\n.log".decode("utf-8", "surrogateescape")
    stored_path(path).encode()
    assert "\\xff" in stored_path(path)
