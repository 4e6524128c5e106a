"""What holds for all files of one instance, as values."""

from dataclasses import dataclass
from datetime import tzinfo
from typing import NamedTuple

from ingest.sources import Source


@dataclass(frozen=True)
class FollowerSettings:
    """What holds for all files. Sizes are of the largest batch."""

    batch_rows: int
    batch_bytes: int
    max_line_bytes: int
    progress_interval_seconds: float
    zone: tzinfo
    hash_key: bytes = b""  # keys the hashes by which a parser's state remembers secrets


class PipelineSettings(NamedTuple):
    """What a pipeline reads, how long a rotated file must be quiet before it is over, how many files may be open."""

    sources: tuple[Source, ...]
    include: tuple[str, ...]
    rotate_wait_seconds: float
    follower: FollowerSettings
    most_open: int = 1 << 20

    def is_source(self, path: str) -> bool:
        """Whether a path is one of those that are read."""
        return any(source.matches(path, self.include) for source in self.sources)

    def root_of(self, path: str) -> str | None:
        """The folder that a path must not lead out of, or None."""
        of_folders = (source for source in self.sources if source.kind == "folder")
        return next((source.path for source in of_folders if source.matches(path, self.include)), None)


class Changes(NamedTuple):
    """What another configuration has changed: files that are somebody else's now, files that are let go of."""

    reassigned: int
    leaving: int
