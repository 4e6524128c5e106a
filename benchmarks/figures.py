"""Figures: median of several rounds, the reference beside it, one table and one JSON file."""

import json
import platform
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Figure:
    """One measured value beside its reference. `target` is the ratio to reach, or not to exceed."""

    name: str
    unit: str
    value: float
    reference_name: str
    reference: float
    target: float
    lower_is_better: bool = False

    @property
    def ratio(self) -> float:
        """Value as a multiple of the reference."""
        return self.value / self.reference if self.reference else 0.0

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        return self.ratio <= self.target if self.lower_is_better else self.ratio >= self.target


def alternate(measured: Callable[[], float], reference: Callable[[], float], rounds: int) -> tuple[float, float]:
    """Run both in turn, so that a noisy machine is unfair to neither; gives the medians."""
    pairs = [(measured(), reference()) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    print(f"{'figure':44} {'value':>12} {'reference':>12} {'ratio':>7} {'target':>7}  met")
    for figure in figures:
        met = "yes" if figure.met else "no"
        digits = 0 if figure.reference >= 100 else 2
        value, reference = f"{figure.value:12,.{digits}f}", f"{figure.reference:12,.{digits}f}"
        print(
            f"{figure.name:44} {value} {reference} {figure.ratio:7.2f} {figure.target:7.2f}"
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
        "figures": [{**asdict(figure), "ratio": round(figure.ratio, 3)} for figure in figures],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path
