"""`radiolog validate`: is what a service writes what radiolog understands? Without a database; nothing is stored."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli import EXIT_FAILURE
from ingest.cli.output import one_line, say, say_json
from ingest.cli.progress import Show, progress_bar

if TYPE_CHECKING:
    from ingest.contract_check import ContractCheck, Finding
    from logging_module.config import LoggingConfig

_CHUNK_BYTES = 1 << 18
_MOST_OF_A_KIND = 20
_FATES = {
    "stored": "to be stored",
    "folded": "part of another line's row",
    "below_threshold": "below the threshold",
    "blank": "blank",
    "duplicate": "that say nothing new",
    "dead_letter": "dead letters",
}


def validate(
    file: Annotated[Path | None, typer.Argument(help="A log file; - for standard input.", show_default=False)] = None,
    parser: Annotated[
        str | None, typer.Option(help="json, ffmpeg or text; else found out by name and content.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help=f"Print each finding, not only the first {_MOST_OF_A_KIND} of a kind.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a finding (all of them), the last is the summary.")
    ] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of a line, and end.")] = False,
) -> None:
    """Say line by line what is wrong with a service's log, why it matters and how to mend it.

    Errors are lines that become dead letters; with any, it ends with 1. Warnings are lines that are stored otherwise
    than their writer may think.

    Example: radiolog validate /var/log/radio/now-playing.log
    """
    from ingest.cli.settings import configured

    if schema:
        say_schema()
        return
    if file is None:
        raise typer.BadParameter("name a file, or - for standard input", param_hint="FILE")
    if parser is not None:
        from parsers.registry import NAMES

        if parser not in NAMES:
            raise typer.BadParameter(f"one of {', '.join(NAMES)}", param_hint="--parser")
    told = _Told(str(file), as_json=as_json, everything=everything or as_json)
    with progress_bar("validate") as show:
        check = _checked(str(file), parser, configured(), told, show)
    told.summary(check)
    if check is not None and check.errors:
        raise typer.Exit(EXIT_FAILURE)


def say_schema() -> None:
    """Print docs/log-format.schema.json as it would be generated now."""
    from parsers.line_schema import line_schema_text

    say(line_schema_text().rstrip("\n"))


class _Told:
    """Prints findings as they are found, and counts them."""

    def __init__(self, path: str, *, as_json: bool, everything: bool) -> None:
        self._path, self._as_json, self._everything = path, as_json, everything
        self._told: Counter[str] = Counter()

    def findings(self, findings: "list[Finding]") -> None:
        for finding in findings:
            self._told[finding.code] += 1
            if self._as_json:
                say_json(_as_object(finding))
            elif self._everything or self._told[finding.code] <= _MOST_OF_A_KIND:
                self._finding(finding)
            elif self._told[finding.code] == _MOST_OF_A_KIND + 1:
                say(f"{finding.code}: found more than {_MOST_OF_A_KIND} times, further ones are only counted (--all)")
        if findings:
            sys.stdout.flush()  # whoever reads a pipe wants to see it now

    def summary(self, check: "ContractCheck | None") -> None:
        if self._as_json:
            say_json({"summary": _summary(check)})
            return
        if check is None:
            say("no lines")
            return
        what = ", ".join(f"{count:,} {_FATES[name]}" for name, count in check.dispositions.most_common())
        say(f"{check.lines:,} lines, read as {check.parser}: {what or 'nothing'}")
        if check.forms:
            say("written by: " + ", ".join(f"{name} {count:,}" for name, count in check.forms.most_common()))
        for kind, wanted in (("error", True), ("warning", False)):
            codes = {code: count for code, count in check.codes.most_common() if _is_error(code) is wanted}
            said, total = ", ".join(f"{code} {count:,}" for code, count in codes.items()), sum(codes.values())
            say(f"{total:,} {kind}{'' if total == 1 else 's'}" + (f": {said}" if said else ""))

    def _finding(self, finding: "Finding") -> None:
        from ingest.contract_findings import ADVICE

        where = f"{self._path}:{finding.line}" if finding.line else self._path
        kind = "error" if finding.is_error else "warning"
        say(one_line(f"{where}: {kind}: {finding.code}: {finding.what}", 400))
        if finding.excerpt:
            say("    line: " + one_line(finding.excerpt, 120))
        if self._told[finding.code] == 1:
            say(f"    why:  {ADVICE[finding.code].why}")
            say(f"    mend: {ADVICE[finding.code].mend}")


def _is_error(code: str) -> bool:
    from ingest.contract_findings import ERRORS

    return code in ERRORS


def _as_object(finding: "Finding") -> dict[str, Any]:
    from ingest.contract_findings import ADVICE

    return {
        "line": finding.line,
        "offset": finding.offset,
        "severity": "error" if finding.is_error else "warning",
        "code": finding.code,
        "what": finding.what,
        "why": ADVICE[finding.code].why,
        "mend": ADVICE[finding.code].mend,
        **({"excerpt": finding.excerpt} if finding.excerpt else {}),
    }


def _summary(check: "ContractCheck | None") -> dict[str, Any]:
    if check is None:
        return {"lines": 0, "errors": 0, "warnings": 0}
    codes = dict(check.codes.most_common())
    return {
        "lines": check.lines,
        "parser": check.parser,
        "dispositions": dict(check.dispositions),
        "forms": dict(check.forms),
        "errors": check.errors,
        "warnings": sum(codes.values()) - check.errors,
        "codes": codes,
    }


def _checked(path: str, parser: str | None, config: "LoggingConfig", told: _Told, show: Show) -> "ContractCheck | None":
    """Check all bytes; None where there are none."""
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from ingest.assignments import assignments_of
    from ingest.contract_check import CheckSettings, ContractCheck
    from ingest.identity import family
    from parsers.registry import HEAD_BYTES

    attributes = assignments_of(config).of(family(os.path.abspath(path)))
    settings = CheckSettings(
        config.parser_by_glob, ZoneInfo(config.time_zone), attributes.min_severity, config.max_line_bytes,
        config.progress_interval_seconds, datetime.now(UTC),
    )  # fmt: skip
    check, head, done = None, b"", 0
    for chunk, total in _chunks(path):
        done += len(chunk)
        show(done, total)
        if check is None:
            # A pipe is taken for JSON lines at once: whoever watches it does not want to wait for a head to be full.
            head += chunk
            whole = path == "-" or len(head) >= HEAD_BYTES or done == total
            if not whole:
                continue
            name = parser or ("json" if path == "-" else attributes.parser)
            check = ContractCheck(path, head, settings, is_whole=done == total, parser_name=name)
            told.findings(check.feed(head))
        else:
            told.findings(check.feed(chunk))
    if check is None and head:
        check = ContractCheck(path, head, settings, is_whole=True, parser_name=parser or attributes.parser)
        told.findings(check.feed(head))
    if check is not None:
        told.findings(check.finish())
    return check


def _chunks(path: str) -> Iterator[tuple[bytes, int | None]]:
    """The bytes of a file, and how many there are in all, where that can be told."""
    if path == "-":
        while chunk := os.read(sys.stdin.fileno(), _CHUNK_BYTES):  # what is there, without waiting for more
            yield chunk, None
        return
    from ingest.files import open_log
    from ingest.identity import compression_of

    with closing(open_log(path)) as log:
        total = None if compression_of(path) else log.observe().size_bytes
        offset = 0
        while chunk := log.read(offset, _CHUNK_BYTES):
            offset += len(chunk)
            yield chunk, total
        log.check_end()
