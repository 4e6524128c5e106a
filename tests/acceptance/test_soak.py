"""A short turn of the long fault campaign (docs/testing.md): `make soak` itself takes ten minutes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.mark.slow
def test_a_short_campaign_stores_every_line_once(tmp_path: Path) -> None:
    report = tmp_path / "soak.json"
    settings = {"SOAK_MINUTES": "0.2", "SOAK_SEED": "1", "SOAK_REPORT": str(report)}

    done = subprocess.run(
        [sys.executable, "-m", "soak"], cwd=TESTS, env={**os.environ, **settings}, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(report.read_text())
    assert result["verdict"]["rows"] > 10_000
    assert result["faults"]["kill"] >= 4
    assert result["crashes"] >= 3
    assert result["rotation_count"] >= 10
