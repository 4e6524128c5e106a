"""Named SQL of the reports: `-- name: …` sections of the files in `sql/`. Builds no SQL from values."""

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*$\n?", re.MULTILINE)


@cache
def load(filename: str) -> dict[str, str]:
    """The queries of one file by name, without their comments.

    Args:
        filename: name in `reports/sql`.
    """
    text = (files("reports") / "sql" / filename).read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    return {name: _COMMENT.sub("", body).strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}
