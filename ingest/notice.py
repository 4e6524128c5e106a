"""A message for an operator, as it lies in the outbox: words and figures, no markup. Pure."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be said. Text from logs is as it was logged; whoever renders it makes it harmless.

    Attributes:
        kind: report, test, or the name of an alert.
        tone: good, fair, bad or info.
        title: one line.
        lines: paragraphs below it.
        fields: labels with their values.
        at: when it happened, ISO 8601 with zone.
    """

    kind: str
    tone: str
    title: str
    lines: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    at: str = ""

    def as_payload(self) -> dict[str, Any]:
        """JSON values from which `from_payload` makes it again; what PostgreSQL cannot hold is replaced."""
        return {name: _storable(value) for name, value in asdict(self).items()}

    @classmethod
    def from_payload(cls, payload: Any) -> "Notice":
        """The notice of an outbox row. Whatever the row holds gives a notice that can be sent."""
        given = payload if isinstance(payload, dict) else {}
        text = {name: str(given.get(name) or "") for name in ("kind", "tone", "title", "at")}
        lines, fields = given.get("lines"), given.get("fields")
        return cls(
            **text,
            lines=tuple(map(str, lines if isinstance(lines, list) else ())),
            fields=tuple(
                (str(field[0]), str(field[1]))
                for field in (fields if isinstance(fields, list) else ())
                if isinstance(field, list) and len(field) == 2
            ),
        )


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return [_storable(part) for part in value]
