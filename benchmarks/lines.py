"""The lines of a backlog: 80 % metrics, 10 % track starts, 10 % errors with context. One seed, the same bytes."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

SEED = 20261124
BEGAN = datetime(2026, 11, 20, tzinfo=UTC)
METRICS = ("cpu_percent", "memory_percent", "listeners", "encoder_speed")
REASONS = ("connection reset by peer", "upstream answered 502", "no space left on device", "decoder gave up")


def mixed_lines(count: int, seed: int = SEED, *, from_number: int = 0, padding_bytes: int = 0) -> Iterator[bytes]:
    """Lines with their line feed.

    Args:
        count: how many.
        seed: other seeds give other values and another order of kinds.
        from_number: of the first line; plays are numbered by it, and time begins so much later.
        padding_bytes: text that every line carries besides, to make lines long.
    """
    chance = random.Random(seed * 1_000_003 + from_number)
    at = BEGAN + timedelta(milliseconds=32.5 * from_number)
    padding = {"note": "x" * padding_bytes} if padding_bytes else {}
    for number in range(from_number, from_number + count):
        at += timedelta(milliseconds=chance.randint(5, 60))
        line = {"timestamp": at.isoformat().replace("+00:00", "Z"), "service": "bench"} | _event(chance, number, seed)
        yield json.dumps(line | padding).encode() + b"\n"


def _event(chance: random.Random, number: int, seed: int) -> dict[str, object]:
    kind = chance.random()
    if kind < 0.8:
        value = round(chance.uniform(0, 100), 2)
        return {"event": "metric", "metric_name": chance.choice(METRICS), "metric_value": value}
    if kind < 0.9:
        return {
            "event": "track_started",
            "artist": f"Artist {chance.randint(1, 200)}",
            "title": f"Title {chance.randint(1, 2000)}",
            "duration": chance.randint(120, 320),
            "play_id": f"{number:08x}-0000-4000-8000-{seed & 0xFFFFFFFFFFFF:012x}",
        }
    return {
        "event": f"{chance.choice(REASONS)} after {chance.randint(1, 9000)} ms",
        "level": "error",
        "context": {"try": number % 7, "url": f"https://media.example.org/{chance.randint(1, 500)}.mp3"},
    }


def write_mixed(path: Path, count: int, seed: int = SEED) -> None:
    """Write them to a file."""
    with path.open("wb") as file:
        file.writelines(mixed_lines(count, seed))
