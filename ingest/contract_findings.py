"""What `radiolog validate` finds in a line, why it matters and how to mend it: a table, nothing else."""

from typing import NamedTuple


class Advice(NamedTuple):
    """What a kind of finding means."""

    why: str
    mend: str


_DEAD = "The line becomes a dead letter: it is kept, but it is in no figure and no report."
_REPLACED = "The row is stored with U+FFFD in place of what cannot be stored."
_LIBRARY = "Let a JSON library write the line, and write each line with its end in one call."

# The line becomes a dead letter.
ERRORS: dict[str, Advice] = {
    "bad_json": Advice(_DEAD, _LIBRARY),
    "invalid_utf8": Advice(_DEAD, "Write UTF-8."),
    "not_an_object": Advice(_DEAD, 'Write one object a line: {"event": …}.'),
    "too_deep": Advice(_DEAD, "Write fewer levels of objects in objects."),
    "too_long": Advice(_DEAD, "Write less into one line, or raise RADIOLOG_MAX_LINE_BYTES."),
    "not_text": Advice(_DEAD, "Give the file a name that radiolog does not read (RADIOLOG_INCLUDE)."),
    "missing_field": Advice(_DEAD, "Add the field, or choose another `kind` or `event`: docs/log-format.md."),
    "wrong_value": Advice(_DEAD, "Write a finite JSON number; leave the line out when there is no value."),
}

WARNINGS: dict[str, Advice] = {
    "no_timestamp": Advice(
        "The row gets the time at which the line is read; of lines that are read later that is an estimate.",
        'Add "timestamp" in RFC 3339 with a zone: 2026-11-22T03:12:07.250Z.',
    ),
    "bad_timestamp": Advice(
        "The time is kept in the row's JSON; the row gets the time at which the line is read.",
        "Write RFC 3339 with a zone (2026-11-22T03:12:07.250Z), or seconds or milliseconds since 1970.",
    ),
    "no_zone": Advice(
        "The station's zone is assumed. In the hour that a clock change repeats, nobody knows which one is meant.",
        "Write the time in UTC with Z, or with its offset.",
    ),
    "unknown_level": Advice(
        "The line counts as info, or as error when it has a stack trace: it may not be stored at all.",
        "Write debug, info, warning, error or critical.",
    ),
    "unknown_kind": Advice(
        "The line is taken as a log record.",
        "Leave `kind` out, or write track_started, track_ended, metric, error_resolved, error or log.",
    ),
    "almost_reserved": Advice(
        "The line is taken as a log record: no play, no measurement.",
        "Write the reserved name as it is: track_started, track_ended, metric, error_resolved.",
    ),
    "unknown_form": Advice(
        "No field of the line is known as its message, and its fields are those of no known logger: the whole line is "
        "taken as the message.",
        'Add "event" with the message. Other loggers: the table in docs/log-format.md.',
    ),
    "wrong_type": Advice(
        "The value is kept in the row's JSON, but not as the field that it was meant for.",
        "Write the type that docs/log-format.md says.",
    ),
    "clipped": Advice(
        "The text is longer than its column: it is clipped there and kept whole in the row's JSON.",
        "Write a shorter text where you group or search by it.",
    ),
    "half_numbered": Advice(
        "The ledger can prove that no line is lost only with both, `run_id` and `seq`.",
        "Write both, or neither.",
    ),
    "secret": Advice(
        "What looks like a stream key, a password or a token is masked before it is stored, but the file has it.",
        "Keep it out of the log, and change it if others can read the file.",
    ),
    "nul": Advice(_REPLACED, "Keep NUL characters out of texts."),
    "surrogate": Advice(_REPLACED, r"Write characters beyond U+FFFF as such, or as two \u escapes."),
    "replaced_bytes": Advice(_REPLACED, "Write UTF-8."),
    "nul_padding": Advice(
        "A hole of NUL bytes stands before the line: its writer does not open the file for appending.",
        "Open the file with O_APPEND (`>>`).",
    ),
    "nul_hole": Advice(
        "A hole of NUL bytes is skipped and recorded: the file was truncated under a writer.",
        "Open the file with O_APPEND (`>>`), and rotate by renaming.",
    ),
    "number_out_of_range": Advice("The number is kept as text: no double holds it.", "Write a smaller number."),
    "no_line_end": Advice(
        "The last line has no end: while the file lives, radiolog waits for the rest of it.",
        "Write each line with its end in one call.",
    ),
    "no_json": Advice(
        "The file is not read as JSON lines: most of its lines are no objects.",
        "Write one JSON object a line, or name the parser in RADIOLOG_PARSERS.",
    ),
}

ADVICE = ERRORS | WARNINGS

# What parsers note in an event, and its name here.
OF_NOTE = {"invalid_utf8": "replaced_bytes"}
# A dead letter's reason, and its name here where a warning has the same.
OF_REASON = {"wrong_type": "wrong_value"}
