"""Whose line it is: where FFmpeg processes write into one file at the same time, or one goes on after a long silence.

A process is known by the supervisor's process id, by the addresses of contexts that it has named before, and by its
statistics: what only grows goes on from its last line. Holds no state; docs/ffmpeg.md says what cannot be told.
"""

import math
from collections.abc import Sequence

from parsers.events import FfmpegProgress
from parsers.ffmpeg.encoder_time import run_seconds
from parsers.ffmpeg.lines import Line
from parsers.ffmpeg.session import Session

# Sessions that are kept beside the one that writes.
MOST_ASIDE = 3
# Statistics lines of others in a row after which a session beside them is over.
FORGOTTEN_AFTER_LINES = 100
# Of a session with fewer statistics lines, or a shorter life, too little is known to tell it from another's beginning.
_FEWEST_LINES = 20
_SHORTEST_LIFE_SECONDS = 10.0
_SHORTEST_SILENCE_SECONDS = 300.0
_SILENT_PERIODS = 10
_BEHIND_PERIODS = 2
_BEHIND_PERIODS_OF_A_LIVING_ONE = 10
_AHEAD_PERIODS = 5
_MOST_STEP_BACK_SECONDS = 1.0


def may_go_on(session: Session) -> bool:
    """Whether a session that printed no end may still be written to beside another that began."""
    lived = run_seconds(session.last) if session.last is not None else None
    known = session.progress_count >= _FEWEST_LINES and lived is not None and lived >= _SHORTEST_LIFE_SECONDS
    return known and not session.over and not session.mark


def silence_that_ends_seconds(session: Session) -> float | None:
    """How long a process must say nothing to be taken for gone: ten times as long as between its statistics lines.

    Returns:
        At least 300 s. None: it prints no statistics from time to time, and its silence proves nothing.
    """
    if session.last is None or session.progress_count < 2 or session.over:
        return None
    return max(_SHORTEST_SILENCE_SECONDS, _SILENT_PERIODS * _period_seconds(session))


def goes_on(session: Session, progress: FfmpegProgress) -> bool:
    """Whether a statistics line can be the next of a session: nothing that only grows became less."""
    last = session.last
    if last is None:
        return True
    if (last.frame is None) != (progress.frame is None):
        return False
    return (
        _grows(last.frame, progress.frame, 0)
        and _grows(last.time_seconds, progress.time_seconds, _MOST_STEP_BACK_SECONDS)
        and _grows(last.elapsed_seconds, progress.elapsed_seconds, 0)
    )


def writer_of(progress: FfmpegProgress, current: Session, aside: Sequence[Session]) -> Session | None:
    """The session whose last statistics line the next one follows most closely; None where it follows none.

    One beside the current one must have got on meanwhile as far as the others did: what has just begun passes the place
    where one that is dead stood.
    """
    least = step_seconds(current, progress)
    found = None if math.isinf(least) else current
    for session in aside:
        step = step_seconds(session, progress)
        slack = 1 + _period_seconds(session)
        ahead = step - session.waited_seconds
        behind = _BEHIND_PERIODS if session.lost else _BEHIND_PERIODS_OF_A_LIVING_ONE
        if -behind * slack <= ahead <= _AHEAD_PERIODS * slack and abs(ahead) < least:
            found, least = session, abs(ahead)
    if found is None:  # it cannot be the current one's: then it is another's, however late
        found = min(aside, key=lambda session: step_seconds(session, progress))
    return found if math.isfinite(step_seconds(found, progress)) else None


def speaker_of(token: Line, sessions: Sequence[Session], *, is_end: bool) -> Session | None:
    """The session that a line without numbers belongs to.

    Args:
        token: the line.
        sessions: the current one first, then those beside it.
        is_end: it is the mark or the summary of an end.

    Returns:
        The open one that began last where nothing tells; None when none is open.
    """
    by_pid = [session for session in sessions if token.pid is not None and session.pid == token.pid]
    if len(by_pid) == 1:
        return by_pid[0]
    by_address = [session for session in sessions if token.pointer is not None and token.pointer in session.pointers]
    if len(by_address) == 1:
        return by_address[0]
    still_open = [session for session in sessions if not session.ended]
    ending = [session for session in still_open if session.over and not session.mark]
    if is_end and not token.component and ending:
        return ending[0]
    return max(still_open, key=lambda session: session.start, default=None)


def _period_seconds(session: Session) -> float:
    run = run_seconds(session.last) if session.last is not None else None
    return (run or 0.0) / max(1, session.progress_count)


def step_seconds(session: Session, progress: FfmpegProgress) -> float:
    """Run time from a session's last line to this one; infinite when it cannot be its next."""
    if (session.ended and not session.lost) or not goes_on(session, progress):
        return math.inf
    now = run_seconds(progress)
    before = 0.0 if session.last is None else run_seconds(session.last)
    return math.inf if now is None or before is None else abs(now - before)


def _grows(before: float | None, now: float | None, slack: float) -> bool:
    return before is None or now is None or now >= before - slack
