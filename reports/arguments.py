"""The flags that `python -m reports.…` programs share, and what their errors mean to a shell. Writes no result."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from ingest.errors import ConfigurationError as WrongArgument
from ingest.errors import RadiologError
from logging_module.config import LoggingConfig
from logging_module.errors import ConfigurationError
from reports.figures.base import UnknownStation
from reports.output import BadName
from reports.window import RangeError, parse_moment

EXIT_FAILED, EXIT_USAGE = 1, 2
# What a person typed cannot be meant, whatever the database says.
WRONG_USAGE = (RangeError, UnknownStation, BadName)
MOMENT = "DATE|DATETIME"


def parser(
    program: str, description: str, example: str, *, output_dir: str, days: float | None = 7
) -> argparse.ArgumentParser:
    """A parser with the shared flags.

    Args:
        program: as a shell calls it.
        description: one sentence.
        example: a whole command.
        output_dir: the default folder.
        days: the default of `--days`; None where the program must know whether it was given.
    """
    made = argparse.ArgumentParser(
        prog=program, description=description, epilog=f"Example: {example}",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )  # fmt: skip
    made.add_argument("--days", type=float, default=days, help="so many times 24 hours up to now; 7 without a range")
    made.add_argument("--start", default=None, metavar=MOMENT, help="the first day or time instead, such as 2026-11-17")
    made.add_argument(
        "--end", default=None, metavar=MOMENT, help="the day or time before which it ends; without it, now"
    )
    made.add_argument("--station", default=None, help="only this station; without it, all")
    made.add_argument("--output-dir", type=Path, default=Path(output_dir), help="where files go; made if missing")
    return made


def instants(given: argparse.Namespace) -> tuple[datetime | None, datetime | None]:
    """`--start` and `--end`, None where not given. A date, or a time without zone, is left to the station's zone.

    Raises:
        RangeError: one of them is no date or time.
    """
    start, end = (None if text is None else parse_moment(text) for text in (given.start, given.end))
    return start, end


def run(work: Callable[[LoggingConfig], Sequence[Path]]) -> int:
    """Do the work with the configuration of the environment, and print the paths that it gives.

    Returns:
        The exit code: 0, 1 when it failed, 2 when it was called wrongly; an error is one sentence on stderr.
    """
    try:
        config = LoggingConfig.from_env()
        config.validate()
        paths = work(config)
    except (*WRONG_USAGE, ConfigurationError, WrongArgument) as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_USAGE
    except RadiologError as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_FAILED
    except Exception as error:  # noqa: BLE001 (the one place: in full with DEBUG, else in one line)
        _unexpected(error)
        return EXIT_FAILED
    for path in paths:
        sys.stdout.write(f"{path}\n")
    return 0


def _unexpected(error: Exception) -> None:
    """A defect of ours. In full with DEBUG=true, else the place in one line: the text could hold a log line."""
    if os.environ.get("DEBUG", "").lower() in ("1", "true", "yes", "on"):
        traceback.print_exception(error)
        return
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{last.name} ({Path(last.filename).name}:{last.lineno})"
    sys.stderr.write(
        f"error: unexpected {type(error).__name__} in {where}; please report it. DEBUG=true shows all of it\n"
    )
