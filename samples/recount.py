"""Counts what is in log files with nothing but `json`: the truth that radiolog's own figures must equal.

Shares no code with radiolog, on purpose. Written from docs/log-format.md, for the kinds of lines that the samples hold.
`python -m samples.recount samples/logs` prints it.
"""

import json
import math
import re
import sys
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

RESERVED = ("track_started", "track_ended", "metric", "error_resolved")
WORDS = {"warn": "warning", "fatal": "critical"}
PINO = {40: "warning", 50: "error", 60: "critical"}
RANK = ("debug", "info", "warning", "error", "critical")
DEEPEST = 64

Said = dict[str, Any]


def recount(folder: Path) -> dict[str, Any]:
    """Count a folder of log files.

    Args:
        folder: `NAME.log` and its rotated `NAME.log.1` …; files whose name begins with `ffmpeg-radio` or
            `ffmpeg-preview` are FFmpeg's, the others hold JSON lines.

    Returns:
        files: {file: {lines, stored, below_threshold, blank, dead_letters}} of the JSON files;
        plays, tracks: distinct play ids and tracks started; ends: lines that end one; ended_plays: distinct plays that
        such a line names; plays_by_track: {track key: plays};
        metrics: {name: rows}; errors: {service: {severity: rows}}; error_rows; resolved_rows;
        dead_letters: {reason: lines}; runs: {run id: {lines, missing}};
        ffmpeg: {file: {lines, statistics, sessions, finished, failed}}.
    """
    count = _Count()
    ffmpeg = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(("ffmpeg-radio", "ffmpeg-preview")):
            ffmpeg[path.name] = _ffmpeg(path.read_bytes())
        elif ".log" in path.name:
            count.file(path)
    return {**count.result(), "ffmpeg": ffmpeg}


class _Count:
    def __init__(self) -> None:
        self.files: dict[str, dict[str, int]] = {}
        self.dead_letters: Counter[str] = Counter()
        self.started: dict[str, str] = {}
        self.ends: list[str] = []
        self.metrics: Counter[str] = Counter()
        self.errors: list[tuple[str, str, str, str]] = []  # service, severity, message, time
        self.resolutions: list[Said] = []
        self.seqs: dict[str, list[int]] = {}

    def file(self, path: Path) -> None:
        data = path.read_bytes()
        assert data.endswith(b"\n"), f"{path} ends with half a line"  # noqa: S101 (a wrong sample is a bug)
        dispositions = Counter(self._line(line, path.name.split(".log")[0]) for line in data[:-1].split(b"\n"))
        names = ("stored", "below_threshold", "blank", "dead_letters")
        self.files[path.name] = {"lines": dispositions.total(), **{name: dispositions[name] for name in names}}

    def _line(self, line: bytes, service: str) -> str:
        if not line.strip():
            return "blank"
        reason, said = _object(line)
        if said is not None and not reason:
            reason = self._said(said, service)
            if isinstance(said.get("run_id"), str):
                self.seqs.setdefault(said["run_id"], []).append(said["seq"])
        if reason and reason != "below_threshold":
            self.dead_letters[reason] += 1
            return "dead_letters"
        return reason or "stored"

    def _said(self, said: Said, service: str) -> str:
        """Count a line; gives why it cannot be stored, or `below_threshold`, or nothing."""
        what = said.get("kind", said.get("event"))
        if what == "metric":
            return self._metric(said)
        if what == "track_started":
            if not said.get("artist") and not said.get("title"):
                return "missing_field"
            self.started[said["play_id"]] = _track_key(_text(said.get("artist")), _text(said.get("title")))
        elif what == "track_ended":
            self.ends.append(said["play_id"])
        elif what == "error_resolved":
            if not said.get("service") or not said.get("template"):
                return "missing_field"
            self.resolutions.append(said)
        else:
            return self._record(said, what == "error", service)
        return ""

    def _metric(self, said: Said) -> str:
        if not said.get("metric_name") or said.get("metric_value") is None:
            return "missing_field"
        value = said["metric_value"]
        if isinstance(value, bool):
            return "wrong_type"
        try:
            if not math.isfinite(float(value)):
                return "wrong_type"
        except ValueError:
            return "wrong_type"
        self.metrics[said["metric_name"]] += 1
        return ""

    def _record(self, said: Said, is_error: bool, service: str) -> str:
        level = said.get("level", said.get("levelname"))
        if level is None:
            severity = "error" if is_error else "info"
        else:
            severity = PINO.get(level, "info") if isinstance(level, int) else level.lower()
        severity = WORDS.get(severity, severity)
        if RANK.index(severity) < RANK.index("warning") and not is_error:
            return "below_threshold"
        message = said.get("event") or said.get("message") or said["msg"]
        self.errors.append((said.get("service", service), severity, message, said.get("timestamp", "")))
        return ""

    def result(self) -> dict[str, Any]:
        errors: dict[str, Counter[str]] = {}
        for service, severity, _, _ in self.errors:
            errors.setdefault(service, Counter())[severity] += 1
        resolved = sum(
            any(
                service == said["service"] and message == said["template"] and at <= said["timestamp"]
                for said in self.resolutions
            )
            for service, _, message, at in self.errors
        )
        by_track = Counter(self.started.values())
        return {
            "files": self.files,
            "plays": len(self.started),
            "tracks": len(by_track),
            "plays_by_track": dict(by_track.most_common()),
            "ends": len(self.ends),
            "ended_plays": len(set(self.ends) & set(self.started)),
            "metrics": dict(sorted(self.metrics.items())),
            "errors": {service: dict(severities) for service, severities in sorted(errors.items())},
            "error_rows": len(self.errors),
            "resolved_rows": resolved,
            "dead_letters": dict(sorted(self.dead_letters.items())),
            "runs": {
                run: {"lines": len(seqs), "missing": max(seqs) - len(set(seqs))} for run, seqs in self.seqs.items()
            },
        }


def _object(line: bytes) -> tuple[str, Said | None]:
    try:
        text, broken = line.decode("utf-8"), False
    except UnicodeDecodeError:
        text, broken = line.decode("utf-8", "replace"), True
    if _depth(text) > DEEPEST:
        return "too_deep", None
    try:
        value = json.loads(text, parse_constant=_refuse)
    except ValueError:
        return ("invalid_utf8" if broken else "bad_json"), None
    return ("", value) if isinstance(value, dict) else ("not_an_object", None)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _depth(text: str) -> int:
    depth = deepest = 0
    for bracket in re.findall(r"[\[{\]}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _text(value: Any) -> str:
    """A field's text as the database can hold it."""
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    return re.sub("[\0\ud800-\udfff]", "\ufffd", text)


def _track_key(artist: str, title: str) -> str:
    parts = [" ".join(unicodedata.normalize("NFC", part).split()).casefold() for part in (artist, title)]
    return " - ".join(parts)[:512]


def _ffmpeg(data: bytes) -> dict[str, int]:
    lines = re.split(rb"\r\n|\r|\n", data)
    lines = lines[:-1] if not lines[-1] else lines
    return {
        "lines": len(lines),
        "statistics": sum(re.search(rb"frame= *\d+ fps=", line) is not None for line in lines),
        "sessions": sum(b"ffmpeg version" in line for line in lines),
        "finished": sum(b"Exiting normally" in line for line in lines),
        "failed": sum(b"Connection refused" in line and b"rtmp://" in line for line in lines)
        + sum(b"Conversion failed!" in line for line in lines),
    }


if __name__ == "__main__":
    print(json.dumps(recount(Path(sys.argv[1])), indent=1, ensure_ascii=False))  # noqa: T201 (its purpose)
