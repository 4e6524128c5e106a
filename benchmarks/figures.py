"""Figures: median of several rounds, the reference beside it, one table and one JSON file."""

import json
import platform
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
LONG_SECONDS = 3.0


@dataclass(frozen=True)
class Figure:
    """One measured value beside its reference. `target`: the ratio to reach, or not to exceed; None: no target."""

    name: str
    unit: str
    value: float
    reference_name: str
    reference: float
    target: float | None
    lower_is_better: bool = False

    @property
    def ratio(self) -> float:
        """Value as a multiple of the reference."""
        return self.value / self.reference if self.reference else 0.0

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if self.target is None:
            return None
        return self.ratio <= self.target if self.lower_is_better else self.ratio >= self.target


def alternate(measured: Callable[[], float], reference: Callable[[], float], rounds: int) -> tuple[float, float]:
    """Run both in turn, so that a noisy machine is unfair to neither; gives the medians."""
    pairs = [(measured(), reference()) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def in_turn(works: Mapping[int, Callable[[], float]], rounds: int) -> dict[int, float]:
    """Run all of them in turn, each once before it counts; gives the medians.

    Args:
        works: each gives its seconds. What takes longer than `LONG_SECONDS` is run once in all.
        rounds: so many.
    """
    first = {key: work() for key, work in works.items()}
    short = {key: work for key, work in works.items() if first[key] <= LONG_SECONDS}
    taken = [{key: work() for key, work in short.items()} for _ in range(rounds)]
    return first | {key: statistics.median(times[key] for times in taken) for key in short}


def percentile(values: Sequence[float], part: float) -> float:
    """The value that `part` (0 to 1) of the values do not exceed. Raises ValueError where there are none."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    print(f"{'figure':44} {'value':>12} {'reference':>12} {'ratio':>7} {'target':>7}  met")
    for figure in figures:
        met = {True: "yes", False: "no", None: ""}[figure.met]
        target = "" if figure.target is None else f"{figure.target:.2f}"
        digits = 0 if figure.reference >= 100 else 2
        value, reference = f"{figure.value:12,.{digits}f}", f"{figure.reference:12,.{digits}f}"
        print(
            f"{figure.name:44} {value} {reference} {figure.ratio:7.2f} {target:>7}"
            f"  {met:3} ({figure.unit}; reference: {figure.reference_name})"
        )


def keep(figures: Sequence[Figure]) -> Path:
    """Write the figures with date, commit and processor; gives the file."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    processor = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    path = RESULTS / f"{now:%Y%m%d_%H%M%S}.json"
    content = {
        "at": now.isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "processor": processor,
        "python": platform.python_version(),
        "figures": [{**asdict(figure), "ratio": round(figure.ratio, 3), "met": figure.met} for figure in figures],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path
