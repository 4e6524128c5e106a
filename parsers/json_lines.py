"""One JSON line to its event. Every line becomes events or `Rejected`, never an exception.

The contract (docs/log-format.md) is `parsers.json_events`' work, foreign loggers' forms are that of `parsers.dialects`,
AzuraCast's payloads that of `parsers.azuracast`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any, ClassVar

from parsers import azuracast, dialects
from parsers.events import Disposition, LogRecord, Outcome, Parsed, RawLine, Rejected, Severity
from parsers.json_decode import BOM, Json, decode
from parsers.json_events import READERS, RESERVED_EVENTS, log_record
from parsers.json_fields import Fields

_STORED, _DEAD_LETTER, _DUPLICATE = Disposition.STORED, Disposition.DEAD_LETTER, Disposition.DUPLICATE


class JsonLinesParser:
    """`Parser` for files of JSON lines. Nothing is ever held; what AzuraCast's payloads said is remembered.

    Args:
        state: what `state()` gave, of a parser that stood at this point of the file.
        zone: the station's time zone, for times that name none.
    """

    name: ClassVar[str] = "json"
    version: ClassVar[int] = 1
    splits_at_cr: ClassVar[bool] = False

    def __init__(self, state: Mapping[str, Any] | None = None, *, zone: tzinfo = UTC) -> None:
        self._zone = zone
        self._stations = azuracast.Stations(state)

    def feed(self, line: RawLine) -> Sequence[Outcome]:
        """Take the next line and give its one outcome."""
        data = line.data.removeprefix(BOM)  # at the file's beginning, and where files with marks were joined
        if line.clipped:
            size = line.end - line.start
            parsed: Parsed = Rejected(reason="too_long", detail=f"{size} bytes; the first {len(line.data)} are kept")
        elif not data or data.isspace():
            return (Outcome(line.start, line.end, Disposition.BLANK),)
        elif azuracast.MARK in data and (outcome := self._payload(line, data)):
            return (outcome,)
        else:
            parsed = parse(data, self._zone)
        what = _DEAD_LETTER if type(parsed) is Rejected else _STORED
        return (Outcome(line.start, line.end, what, (parsed,)),)

    def _payload(self, line: RawLine, data: bytes) -> Outcome | None:
        """What becomes of a line that holds payloads of AzuraCast: events for what is new in them."""
        events = payload_events(data, self._zone, self._stations)
        if not events:
            return None
        new = [event for event in events if type(event) is not LogRecord or event.severity is not Severity.DEBUG]
        return Outcome(line.start, line.end, _STORED if new else _DUPLICATE, events)

    @property
    def waits(self) -> bool:
        """Never."""
        return False

    def tick(self, idle_seconds: float) -> Sequence[Outcome]:  # noqa: ARG002 (the protocol's signature)
        """Nothing is held, so there is nothing to let go of."""
        return ()

    def finish(self) -> Sequence[Outcome]:
        """Nothing is held, so there is nothing to let go of."""
        return ()

    def state(self) -> dict[str, Any]:
        """What the payloads of AzuraCast said; empty in files without them."""
        return self._stations.state()


def payload_events(data: bytes, zone: tzinfo, stations: azuracast.Stations) -> tuple[Parsed, ...]:
    """Read a line that may hold payloads of AzuraCast.

    Args:
        data: the line without its terminator.
        zone: the zone of times that name none.
        stations: what was said before; learns what this line says.

    Returns:
        Events; of payloads that say nothing new one debug record with the line's number; none without a payload.
    """
    decoded = decode(data)
    if isinstance(decoded, Rejected):
        return ()
    values, notes = _in_our_words(*decoded)
    payloads = azuracast.find(values) if "kind" not in values else []
    if not payloads:
        return ()
    said = stations.read(values, payloads, zone) or [
        {"kind": "log", "level": "debug", "message": "azuracast: nothing new", **azuracast.numbered(values)}
    ]
    return tuple(READERS[fields.pop("kind")](Fields(fields, list(notes)), zone) for fields in said)


def parse(data: bytes, zone: tzinfo) -> Parsed:
    """Read one line as an event of its own; a payload of AzuraCast is `payload_events`' work.

    Args:
        data: the line without its terminator.
        zone: the zone of times that name none.

    Returns:
        Its event; or `Rejected` (bad_json, invalid_utf8, too_deep, not_an_object, missing_field, wrong_type).
    """
    decoded = decode(data)
    if isinstance(decoded, Rejected):
        return decoded
    values, notes = _in_our_words(*decoded)
    fields = Fields(values, notes)
    kind, event = values.get("kind"), values.get("event")
    if type(kind) is str and kind in READERS:
        del values["kind"]
        if event == kind and event in RESERVED_EVENTS:  # RadioLogger says both
            del values["event"]
        return READERS[kind](fields, zone)
    if type(event) is str and event in RESERVED_EVENTS:
        del values["event"]
        return READERS[event](fields, zone)
    return log_record(fields, zone)


def _in_our_words(values: Json, notes: list[str]) -> tuple[Json, list[str]]:
    if "kind" not in values and ("event" not in values or "timestamp" not in values):
        values = dialects.normalise(values, notes)
    return values, notes
