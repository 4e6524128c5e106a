"""A real browser for tests: Debian's Chromium, headless, with an empty profile."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
DEADLINE_SECONDS = 120.0


def chromium(page: Path, *flags: str) -> str:
    """Open a page from disk, let its scripts, timers and requests do what they want, and give what `flags` ask for."""
    if CHROMIUM is None:
        raise FileNotFoundError("chromium")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="radiolog-chromium-") as profile:
        done = subprocess.run(
            [CHROMIUM, "--headless", *sandbox, "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
             "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
             f"--user-data-dir={profile}", "--virtual-time-budget=4000", *flags, page.as_uri()],
            env={"PATH": os.environ["PATH"], "HOME": profile, "LC_ALL": "C.UTF-8"}, capture_output=True, text=True,
            check=True, timeout=DEADLINE_SECONDS, cwd=profile,
        )  # fmt: skip
    return done.stdout


def dom_of(page: Path, *flags: str) -> str:
    """The page as it stands after everything in it has run."""
    return chromium(page, "--dump-dom", *flags)
