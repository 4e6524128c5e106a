"""Named SQL: reads `-- name: …` sections from the .sql files of a package."""

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*$\n?", re.MULTILINE)


@cache
def load(package: str, filename: str) -> dict[str, str]:
    """The queries of one file by name, without their comments.

    Args:
        package: import name of the package that holds a `sql` folder.
        filename: name in that folder.
    """
    text = (files(package) / "sql" / filename).read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    return {name: _COMMENT.sub("", body).strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}
