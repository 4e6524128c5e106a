"""Archives are read as what they were made of, however they were made, cut, grown or damaged."""

import bz2
import gzip
import lzma
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.archives import Archive
from ingest.errors import SourceError
from ingest.files import LogFile, open_log
from ingest.identity import COMPRESSIONS

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}),
}
KINDS = sorted(PACK)
SKIPPABLE_FRAME = b"\x50\x2a\x4d\x18\x05\x00\x00\x00noise"
LINES = b"".join(b"line %d %s\n" % (number, b"x" * (number % 70)) for number in range(20_000))


def test_every_kind_is_tested() -> None:
    assert set(COMPRESSIONS.values()) == set(KINDS)


def opened(path: Path, data: bytes) -> LogFile:
    path.write_bytes(data)
    return open_log(str(path))


def archive(tmp_path: Path, kind: str, data: bytes) -> LogFile:
    return opened(tmp_path / f"a.log.1.{kind}", data)


def content(file: LogFile, size: int = 4096) -> bytes:
    """All that it gives, in pieces."""
    data = b""
    while piece := file.read(len(data), size):
        data += piece
    return data


def read_all(file: LogFile, size: int = 4096) -> tuple[bytes, str]:
    """What it gives, and what it says where that ends."""
    data = b""
    try:
        while piece := file.read(len(data), size):
            data += piece
        file.check_end()
    except SourceError as error:
        return data, str(error)
    return data, ""


def until_damage(file: LogFile, size: int = 4096) -> tuple[bytes, str]:
    data, message = read_all(file, size)
    assert message
    return data, message


@pytest.mark.parametrize("kind", KINDS)
def test_content_at_any_offset(tmp_path: Path, kind: str) -> None:
    file = archive(tmp_path, kind, PACK[kind](LINES))
    assert isinstance(file, Archive)
    assert content(file) == LINES
    assert file.is_complete()
    for offset, length in [(0, 10), (500_000, 100), (3, 1), (len(LINES) - 5, 100), (len(LINES), 9), (10**9, 9)]:
        assert file.read(offset, length) == LINES[offset : offset + length]
    file.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(KINDS),
    sizes=st.lists(st.sampled_from([0, 1, 100, 5000, 70_000]), min_size=1, max_size=4),
    padding=st.sampled_from([0, 4, 512, 70_000]),
    reads=st.lists(st.tuples(st.integers(0, 150_000), st.sampled_from([1, 100, 70_000])), max_size=6),
)
def test_members_stand_behind_each_other(
    tmp_path: Path, kind: str, sizes: list[int], padding: int, reads: list[tuple[int, int]]
) -> None:
    """With zeros between and behind them, as tapes leave them."""
    parts = [random.Random(size).randbytes(size // 2) * 2 for size in sizes]
    file = archive(tmp_path, kind, b"".join(PACK[kind](part) + bytes(padding) for part in parts))
    whole = b"".join(parts)
    for offset, length in reads:
        assert file.read(offset, length) == whole[offset : offset + length]
    assert content(file) == whole
    assert file.is_complete()
    file.close()


def test_skippable_frames_are_skipped(tmp_path: Path) -> None:
    packed = SKIPPABLE_FRAME + PACK["zst"](b"one\n") + SKIPPABLE_FRAME * 2 + PACK["zst"](b"two\n") + SKIPPABLE_FRAME
    file = archive(tmp_path, "zst", packed)
    assert content(file) == b"one\ntwo\n"
    assert file.is_complete()
    file.close()


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_that_is_written_meanwhile(tmp_path: Path, kind: str) -> None:
    """Byte by byte, over the end of its first member: what is there is given, and it is whole at member's ends only."""
    parts = [b"first\n" * 50, b"second\n" * 50]
    packed = [PACK[kind](part) for part in parts]
    whole = b"".join(packed)
    ends = {len(packed[0]), len(whole)}
    path = tmp_path / f"a.log.1.{kind}"
    file = opened(path, b"")
    got = b""
    complete = set()
    with path.open("ab", buffering=0) as writer:
        for written, byte in enumerate(whole, 1):
            writer.write(bytes([byte]))
            got += file.read(len(got), 1 << 20)
            if file.is_complete():
                complete.add(written)
    assert got == b"".join(parts)
    assert complete == ends
    file.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_archive_gives_what_it_has_and_is_not_complete(tmp_path: Path, kind: str) -> None:
    packed = PACK[kind](random.Random(1).randbytes(1_000_000))
    for cut in (1, 5, len(packed) // 2, len(packed) - 9, len(packed) - 1):
        file = archive(tmp_path, kind, packed[:cut])
        got = content(file)
        assert random.Random(1).randbytes(1_000_000).startswith(got)
        assert not file.is_complete()
        file.close()


@pytest.mark.parametrize("size", [100, 4096, 1 << 20])
@pytest.mark.parametrize("kind", ["gz", "zst", "xz"])
def test_a_wrong_check_at_the_end_costs_no_byte(tmp_path: Path, kind: str, size: int) -> None:
    """The content is given, then the damage is named with its place, and named again."""
    first, second = PACK[kind](LINES), bytearray(PACK[kind](b"more\n"))
    at = {"gz": len(second) - 8, "zst": len(second) - 1, "xz": len(second) - 12 - 20}[kind]
    second[at] ^= 0xFF
    file = archive(tmp_path, kind, first + second)

    data, message = until_damage(file, size)

    assert data in (LINES + b"more\n", LINES)
    assert data == LINES + b"more\n" or kind == "xz"
    assert f"behind byte {len(data)} of its content" in message
    assert file.path in message
    assert not file.is_complete()
    assert file.read(len(data) - 10, 100) == data[-10:]
    with pytest.raises(SourceError, match="damaged"):
        file.check_end()
    file.close()


@pytest.mark.parametrize("kind", KINDS)
def test_garbage_behind_the_last_member_is_named_when_the_content_was_given(tmp_path: Path, kind: str) -> None:
    packed = PACK[kind](LINES)
    file = archive(tmp_path, kind, packed + b"this is no member")

    data, message = until_damage(file)

    assert data == LINES
    position = int(message.split("wrong at its byte ")[1].split(",")[0])
    assert len(packed) <= position < len(packed) + 17
    assert not file.is_complete()
    file.close()


def test_all_before_a_damaged_zstd_block_is_given(tmp_path: Path) -> None:
    """Blocks hold 128 KiB; noise is stored as it is, so damage in the third member's header is exact."""
    noise = random.Random(2).randbytes(1000)
    packed = [PACK["zst"](noise) for _ in range(3)]
    broken = bytearray(b"".join(packed))
    broken[len(packed[0]) * 2] ^= 0xFF
    data, _ = until_damage(archive(tmp_path, "zst", bytes(broken)))
    assert data == noise * 2


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(KINDS), where=st.floats(0, 1), flip=st.integers(1, 255), size=st.sampled_from([77, 1 << 20])
)
def test_damage_never_gives_other_bytes_twice_nor_hangs(
    tmp_path: Path, kind: str, where: float, flip: int, size: int
) -> None:
    """Whole members before the damaged one are given to the byte, whatever is flipped."""
    parts = [LINES[:3000], LINES[3000:50_000], LINES[50_000:53_000]]
    packed = [PACK[kind](part) for part in parts]
    broken = bytearray(b"".join(packed))
    at = min(int(where * len(broken)), len(broken) - 1)
    broken[at] ^= flip
    file = archive(tmp_path, kind, bytes(broken))
    given_out, message = read_all(file, size)
    assert not message or "damaged" in message or "memory" in message
    untouched = sum(len(part) for number, part in enumerate(parts) if at >= sum(map(len, packed[: number + 1])))
    assert given_out[:untouched] == (LINES[:53_000])[:untouched]
    file.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_archive_that_is_written_anew_is_read_on(tmp_path: Path, kind: str) -> None:
    """A copy whose parts arrive in any order has zeros in its middle for a while."""
    packed = PACK[kind](LINES[:1000]) + PACK[kind](LINES[1000:2000])
    path = tmp_path / f"a.log.1.{kind}"
    hole = len(PACK[kind](LINES[:1000])) + 4
    file = opened(path, packed[:hole] + b"\xff" * (len(packed) - hole))
    data, _ = until_damage(file)
    assert data == LINES[:1000]
    path.write_bytes(packed + PACK[kind](b"end\n"))
    assert data + content_from(file, len(data)) == LINES[:2000] + b"end\n"
    assert file.is_complete()
    file.close()


def content_from(file: LogFile, offset: int) -> bytes:
    data = b""
    while piece := file.read(offset + len(data), 4096):
        data += piece
    return data


def test_an_archive_truncated_and_written_anew_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "a.log.1.gz"
    file = opened(path, gzip.compress(LINES))
    assert content(file) == LINES
    path.write_bytes(gzip.compress(b"other\n"))
    assert file.read(len(LINES) - 100, 200) == b""
    assert file.read(0, 100) == b"other\n"
    file.close()


def test_a_zstd_window_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 28, zstd.CompressionParameter.content_size_flag: 0}
    packer = zstd.ZstdCompressor(options=options)
    huge = packer.compress(b"later\n") + packer.flush()
    file = archive(tmp_path, "zst", PACK["zst"](b"before\n") + huge)
    data, message = until_damage(file)
    assert data == b"before\n"
    assert "needs more than 128 MiB of memory" in message
    assert str(tmp_path) in message
    file.close()


def test_an_xz_dictionary_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28}]
    data, message = until_damage(archive(tmp_path, "xz", lzma.compress(b"later\n", filters=filters)))
    assert data == b""
    assert "needs more than 128 MiB of memory" in message


@pytest.mark.parametrize("kind", KINDS)
def test_the_strongest_usual_level_is_read(tmp_path: Path, kind: str) -> None:
    strongest: dict[str, Callable[[bytes], bytes]] = {
        **PACK, "xz": lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME), "zst": lambda data: zstd.compress(data, 22),
    }  # fmt: skip
    file = archive(tmp_path, kind, strongest[kind](LINES))
    assert content(file) == LINES
    file.close()


BOMB = """
import resource, sys
from ingest.files import open_log
file = open_log(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
size = 0
while piece := file.read(size, 1 << 20):
    assert len(piece) <= 1 << 20
    size += len(piece)
print(size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, file.is_complete())
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_takes_no_memory(tmp_path: Path, kind: str) -> None:
    megabytes = 100
    opener: Any = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open, "zst": zstd.open}[kind]
    path = tmp_path / f"a.log.1.{kind}"
    with opener(path, "wb") as file:
        for _ in range(megabytes):
            file.write(bytes(1 << 20))
    assert path.stat().st_size < 200_000

    done = subprocess.run([sys.executable, "-c", BOMB, str(path)], capture_output=True, text=True, check=True)

    size, grown_kib, complete = done.stdout.split()
    assert (int(size), complete) == (megabytes << 20, "True")
    assert int(grown_kib) < 24 * 1024
