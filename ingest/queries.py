"""Named SQL: reads `-- name: …` sections from the .sql files of a package."""

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def load(package: str, filename: str) -> dict[str, str]:
    """The queries of one file by name, each without its name line.

    Args:
        package: import name of the package that holds a `sql` folder.
        filename: name in that folder.
    """
    text = (files(package) / "sql" / filename).read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}
