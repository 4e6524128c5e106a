"""Files of one family, on this disk: which live name a path belongs to, and which files are judged together."""

import os
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from ingest.files import PlainFile
from ingest.identity import family, is_rotated_name

# Where a file is: its path, or where no name leads to it any more the file itself, which stays the caller's.
Place: TypeAlias = str | PlainFile

_GROUP_FILES = 200


def live_names(path: str, root: str | None) -> list[str]:
    """The live names that a path may belong to, the nearest first.

    Rotated files that stand in a folder without their live name (logrotate's `olddir`) belong to one in a folder
    above, which need not be there at the moment.

    Args:
        path: of a file.
        root: the configured folder that it stands in, or None.
    """
    own = family(path)
    names = [own]
    if own == path or root is None or os.path.lexists(own):
        return names
    folder, name = os.path.split(own)
    while len(folder) > len(root.rstrip("/")):
        folder = os.path.dirname(folder)
        names.append(os.path.join(folder, name))
    return names


def nearest(names: list[str]) -> str:
    """The first that is there, else the first."""
    return next((name for name in names if os.path.lexists(name)), names[0])


def families_together(places: Iterable[Place]) -> Iterator[list[Place]]:
    """Whole families, at least `_GROUP_FILES` at a time; live names before those that may be copies of them."""
    families: dict[str, list[Place]] = {}
    for place in sorted(places, key=lambda place: is_rotated_name(path_of(place))):
        families.setdefault(family(path_of(place)), []).append(place)
    group: list[Place] = []
    for members in families.values():
        group += members
        if len(group) >= _GROUP_FILES:
            yield group
            group = []
    if group:
        yield group


def path_of(place: Place) -> str:
    """Where a file stands, or stood."""
    return place if isinstance(place, str) else place.path
