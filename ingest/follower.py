"""One generation of one file: reads on from its checkpoint and builds batches. Commits nothing.

The position is proven at every read: one `pread` covers the window before the offset and the new bytes, the window is
compared with what was read there before, and the proof of the next checkpoint is taken from the same buffer. So bytes
of another file that took this one's place are never taken for its continuation.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ingest.batch import Batch, Gap, Move
from ingest.errors import SourceError
from ingest.file_context import FileContext
from ingest.files import LogFile
from ingest.follow import Restart, decide
from ingest.identity import (
    NOTHING,
    WINDOW_BYTES,
    Checkpoint,
    Fingerprint,
    Observed,
    fingerprint,
    hash_window,
    is_rotated_name,
    may_be_written,
    rung_offsets,
    stored_path,
    window_before,
)
from ingest.line_clock import Arrival, LineClock
from ingest.portion import Portion
from ingest.rejected_run import RejectedRun
from ingest.rows import BatchBuilder
from ingest.sampling import EncoderTracker
from ingest.settings import FollowerSettings
from parsers.encodings import MARK_BYTES, encoding_of, splitter_for
from parsers.events import Outcome, Parser, RawLine
from parsers.json_lines import JsonLinesParser
from parsers.plain_metrics import may_be_plain
from parsers.registry import create

CHUNK_BYTES = 1 << 20
LEAST_CHUNK_BYTES = 1 << 16
NUL_HOLE = "nul_hole"  # a gap that lost nothing: the bytes are there, and all of them are NUL
# Coarsest tick of a file system's clock that is trusted: FAT's two seconds.
MTIME_TICK_NS = 2_000_000_000


class Replaced(Exception):
    """The file is not any more the one that the checkpoint means."""

    def __init__(self, step: Restart) -> None:
        super().__init__(step.reason)
        self.step = step


class Follower:
    """Reads one generation.

    Args:
        file: open, and the one that the checkpoint means as far as its FileId tells.
        checkpoint: where to begin.
        family: the live name that the file belongs to.
        context: defaults for the file's lines, and the parser.
        settings: bounds.

    Raises SourceError when the file's first bytes, which tell its encoding, cannot be read.

    Attributes:
        checkpoint: what the database will say once everything built so far is committed.
        live: the end was reached once; what comes now is appended while we look.
        path: where the file stands now, as far as the last sweep knows.
        family: the live name that it belongs to.
        is_rotated: its name says that rotation has put it aside.
        is_dated: its name is one that a program may write under for a day.
        changed_at: monotonic time of the file's last change, in seconds; the pipeline's.
        last_error: why the last read failed, or empty; the pipeline's.
        missed_sweeps: sweeps in a row that did not find the file under any name; the pipeline's.
        stamp: size and modification time at which it was last read to its end; None before; the pipeline's.
        quiet: as long as the stamp stays the same there is nothing to do; the pipeline's.
    """

    def __init__(
        self, file: LogFile, checkpoint: Checkpoint, family: str, context: FileContext, settings: FollowerSettings
    ) -> None:
        self.file = file
        self._stand(file.path, family)
        self.context = context
        self.live = False
        self.changed_at = 0.0
        self.missed_sweeps = 0
        self.last_error = ""
        self._settings = settings
        self._encoding = encoding_of(file.read(0, MARK_BYTES))
        self.resume(checkpoint)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Forget everything in memory and go on from what the database says.

        Another parser than before, which the context names, begins anew at the checkpoint.
        """
        if checkpoint.parser != self.context.parser:
            parser, version = self.context.parser, self.context.parser_version
            checkpoint = checkpoint._replace(parser=parser, parser_version=version, parser_state={})
        self.checkpoint = checkpoint
        self.stamp: tuple[int, int] | None = None
        self.quiet = False
        state: dict[str, Any] = checkpoint.parser_state
        self._parser: Parser = create(
            checkpoint.parser, state.get("parser"), self._settings.zone, hash_key=self._settings.hash_key
        )
        tracker = EncoderTracker(state.get("encoder"), interval_seconds=self._settings.progress_interval_seconds)
        clock = LineClock(state.get("clock"), zone=self._settings.zone)
        self._builder = BatchBuilder(
            self.context, tracker, clock, RejectedRun(state.get("rejected")), zone=self._settings.zone
        )
        self._splitter = splitter_for(
            self._encoding,
            checkpoint.offset,
            splits_at_cr=self._parser.splits_at_cr,
            max_line_bytes=self._settings.max_line_bytes,
        )
        self._position = checkpoint.offset  # next byte to read
        self._expected = checkpoint.proof  # the window before it
        self._head = b""
        self._raw: list[bytes] = []  # what was read from `_raw_offset` on, for the next batch
        self._raw_offset = checkpoint.offset
        self._grown = False
        self._verified_mtime_ns = 0

    def rename(self, path: str, family: str) -> None:
        """The file stands elsewhere now, perhaps under another live name."""
        self._stand(path, stored_path(family))

    def _stand(self, path: str, family: str) -> None:
        self.path, self.family = path, family
        # Asked of every file in every sweep, and told by the name alone.
        self.is_rotated, self.is_dated = is_rotated_name(path), may_be_written(path)

    def take_grown(self) -> bool:
        """Whether bytes were read since this was last asked."""
        grown, self._grown = self._grown, False
        return grown

    def has_read(self, observed: Observed) -> bool:
        """Whether every byte that the file was observed to have was read. An archive's size tells nothing of that."""
        return self._archive or observed.size_bytes == self._position

    def read(self, observed: Observed, now: datetime, portion: Portion) -> tuple[Batch | None, bool]:
        """Read on until a batch is full or the end is reached.

        Args:
            observed: the file now.
            now: for lines that say no time.
            portion: says when the batch is full.

        Returns:
            The batch, or None when no line was completed, and whether the end was reached. A file of nothing but
            rubbish is suspended by its batch: it is not read any further.

        Raises:
            Replaced: the bytes before the position are not those that were read there.
            SourceError: the file cannot be read.
        """
        arrival = self._arrival(observed, now)
        chunk_bytes = min(CHUNK_BYTES, max(LEAST_CHUNK_BYTES, portion.size_bytes))
        rungs: list[tuple[int, bytes]] = []
        proof, raw_bytes = self.checkpoint.proof, 0
        at_end = False
        while not portion.is_full(self._builder.row_count, raw_bytes):
            self._pass_hole()
            try:
                chunk, before = self._next_chunk(observed, now, chunk_bytes)
            except (Replaced, SourceError):
                if self._splitter.offset == self.checkpoint.offset:
                    raise
                break  # what was read before is good; the next call finds the same again
            if not chunk:
                at_end = True
                break
            raw_bytes += len(chunk)
            self._keep_raw(chunk)
            chunk_offset, line_offset = self._position, self._splitter.offset
            self._take_all(chunk, arrival)
            if self._splitter.offset > line_offset:
                buffer, buffer_offset = before + chunk, chunk_offset - len(before)
                proof = fingerprint(window_before(buffer, buffer_offset, self._splitter.offset))
                rungs += _rungs(buffer, buffer_offset, line_offset, self._splitter.offset)
            self._advance(before, chunk)
            if self._builder.is_rubbish:
                return self._build(observed, proof, now, state="suspended", rungs=rungs), True
            if not self._archive and self._position >= observed.size_bytes:
                at_end = True  # what was appended since is for the next look
                break
        self.live = self.live or at_end
        if self._splitter.offset == self.checkpoint.offset:
            return None, at_end
        if at_end:  # of a file that has been still for long, nothing more is waited for
            self._add(self._parser.tick((now - arrival.mtime).total_seconds()), arrival, None)
        return self._build(observed, proof, now, rungs=rungs), at_end

    @property
    def waits(self) -> bool:
        """Whether something is held that time alone releases."""
        return self.checkpoint.held > 0 or self._parser.waits

    def tick(self, observed: Observed, now: datetime, idle_seconds: float) -> Batch | None:
        """Let the parser let go of what only waited for a next line. A batch of it moves no byte."""
        if not self._parser.waits:
            return None
        arrival = self._arrival(observed, now)
        outcomes = self._parser.tick(idle_seconds)
        if not outcomes:
            return None
        self._add(outcomes, arrival, None)
        return self._build(observed, self.checkpoint.proof, now)

    def finish(
        self, observed: Observed, now: datetime, *, state: str = "finished", gaps: list[Gap] | None = None
    ) -> Batch:
        """The file is over: its last line needs no newline, and the parser holds nothing back any more."""
        arrival = self._arrival(observed, now)
        for line in self._splitter.flush():
            self._take(line, arrival)
        self._add(self._parser.finish(), arrival, None)
        return self._build(observed, self._expected, now, state=state, gaps=gaps or [])

    def conclude(self, observed: Observed, now: datetime) -> Batch:
        """The parser lets go of everything and its sessions end, because what comes is of another station or parser.

        Everything that was read must be in batches; this one moves no byte.
        """
        self._add(self._parser.finish(), self._arrival(observed, now), None)
        return self._build(observed, self.checkpoint.proof, now)

    # -----------------------------------------------------------------------------------------------------------------

    def _arrival(self, observed: Observed, now: datetime) -> Arrival:
        return Arrival(now, self.live, datetime.fromtimestamp(observed.mtime_ns / 1e9, UTC), self._bytes_from)

    def _bytes_from(self, offset: int) -> Iterator[tuple[int, bytes]]:
        """The file's bytes from an offset to its end, read aside of the position; holes are left out."""
        while chunk := self.file.read(offset, CHUNK_BYTES):
            yield offset, chunk
            offset += len(chunk)
            if chunk[-1] == 0:
                offset = max(offset, self.file.next_data(offset))

    def _next_chunk(self, observed: Observed, now: datetime, most_bytes: int) -> tuple[bytes, bytes]:
        """Some new bytes, and the window before them out of the same read."""
        expected = self._expected
        if not self._archive and observed.size_bytes == self._position and self._verified_at(observed, now):
            return b"", b""
        if not self._archive:
            most_bytes = min(most_bytes, max(0, observed.size_bytes - self._position))
        buffer = self.file.read(self._position - expected.length, expected.length + most_bytes)
        before, chunk = buffer[: expected.length], buffer[expected.length :]
        here = self.checkpoint._replace(offset=self._position, proof=expected)
        # What was read was there. An archive's size is another matter.
        size = self._position if self._archive else self._position - expected.length + len(buffer)
        step = decide(here, observed._replace(size_bytes=max(observed.size_bytes, size)), before, self._head_now())
        if isinstance(step, Restart):
            unread_bytes = max(self.checkpoint.size_bytes, self._position) - self.checkpoint.offset
            raise Replaced(step._replace(unread_bytes=unread_bytes))
        if not chunk:
            self.file.check_end()
        return chunk, before

    def _head_now(self) -> bytes | None:
        """The file's first bytes, read behind all others: what they came from had this head. An archive is not cut."""
        if self._archive or self._expected.length == self._position:
            return None
        return self.file.read(0, self.checkpoint.head.length)

    def _pass_hole(self) -> None:
        """Go over the hole of a sparse file without reading it: its bytes are NUL, whoever reads them.

        The proof of the new position is that of a window of NUL bytes; the next read checks it as always.
        """
        if not self._splitter.passes_nuls:
            return
        behind = self.file.next_data(self._position)
        if behind - self._position >= CHUNK_BYTES:
            self._splitter.pass_nuls(behind - self._position)
            self._position = self._raw_offset = behind
            self._expected = fingerprint(bytes(WINDOW_BYTES))
            self._raw = []

    def _verified_at(self, observed: Observed, now: datetime) -> bool:
        """Whether the bytes before the position were compared since the file last changed.

        A file may be truncated and written again to the very same size; its modification time then tells, unless that
        happened within the file system's clock tick. So a time that has just been is never taken as verified.
        """
        verified, self._verified_mtime_ns = self._verified_mtime_ns == observed.mtime_ns, 0
        if now.timestamp() * 1e9 - observed.mtime_ns > MTIME_TICK_NS:
            self._verified_mtime_ns = observed.mtime_ns
        return verified

    @property
    def _archive(self) -> bool:
        return bool(self.checkpoint.compression)

    def _advance(self, before: bytes, chunk: bytes) -> None:
        if self._position == len(self._head) < WINDOW_BYTES:
            self._head = (self._head + chunk)[:WINDOW_BYTES]
        self._position += len(chunk)
        self._grown = True
        self.last_error = ""
        self._expected = fingerprint((before + chunk)[-WINDOW_BYTES:])

    def _keep_raw(self, chunk: bytes) -> None:
        """Remember the batch's bytes, within bounds: of a line of many megabytes only the letter's beginning counts."""
        self._raw.append(chunk)
        if sum(map(len, self._raw)) > 2 * self._settings.batch_bytes + self._settings.max_line_bytes:
            self._raw, self._raw_offset = [], self._position + len(chunk)

    def _take_all(self, chunk: bytes, arrival: Arrival) -> None:
        plain = self._parser.name == JsonLinesParser.name and may_be_plain(chunk)
        for line in self._splitter.feed(chunk, self._builder.take_plain if plain else None):
            self._take(line, arrival)
            if self._builder.is_rubbish:
                return

    def _take(self, line: RawLine, arrival: Arrival) -> None:
        self._builder.count_line()
        self._add(self._parser.feed(line), arrival, line)

    def _add(self, outcomes: Any, arrival: Arrival, line: RawLine | None) -> None:
        outcome: Outcome
        for outcome in outcomes:
            self._builder.add(outcome, arrival, line)

    def _build(
        self,
        observed: Observed,
        proof: Fingerprint,
        now: datetime,
        *,
        state: str = "active",
        rungs: list[tuple[int, bytes]] | None = None,
        gaps: list[Gap] | None = None,
    ) -> Batch:
        known = self.checkpoint
        to_offset = self._splitter.offset
        read_head = self._head[:to_offset]  # of a half line behind it nothing is stored
        head = fingerprint(read_head) if len(read_head) > known.head.length else known.head
        move = Move(
            known.generation, known.owner, known.owner_epoch, known.version, known.offset, to_offset, head,
            proof if to_offset else NOTHING, observed.size_bytes, stored_path(self.path), self.family, state,
        )  # fmt: skip
        raw, kept_bytes = b"".join(self._raw), max(0, to_offset - self._raw_offset)
        holes = [Gap(*hole, NUL_HOLE) for hole in self._splitter.take_holes()]
        batch = self._builder.build(
            move, self._parser.state(), known.held, now, rungs=rungs or [], gaps=[*holes, *(gaps or [])],
            raw=raw[:kept_bytes], encoding=self._encoding,
        )  # fmt: skip
        self._raw, self._raw_offset = [raw[kept_bytes:]], self._raw_offset + kept_bytes
        self.checkpoint = known._replace(
            offset=to_offset, version=known.version + 1, head=head, proof=move.proof, size_bytes=observed.size_bytes,
            state=state, held=batch.held,
        )  # fmt: skip
        return batch


def _rungs(buffer: bytes, buffer_offset: int, from_offset: int, to_offset: int) -> Iterator[tuple[int, bytes]]:
    """The ladder's hashes in (from, to], as far as the buffer reaches back."""
    for at in rung_offsets(from_offset, to_offset):
        if at - buffer_offset >= min(at, WINDOW_BYTES):
            yield at, hash_window(window_before(buffer, buffer_offset, at))
