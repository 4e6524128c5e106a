"""The command `radiolog`: words typed in to calls. Everything heavy is imported inside the command that needs it."""

import sys
import threading

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
# EX_TEMPFAIL: another instance took these files over (docs/architecture.md, "The fence").
EXIT_FENCED = 75


def main() -> None:
    """Run the command line and exit: 0 on success, 1 on failure, 2 on wrong usage, 75 when fenced off."""
    hide_tracebacks()
    try:
        _run()
    except KeyboardInterrupt:  # also while modules are still being loaded
        sys.exit(EXIT_INTERRUPTED)


def hide_tracebacks() -> None:
    """What Python would print as a traceback by itself is one line, too: it could hold a log line.

    That is what a thread did not catch, what a destructor raises, and what a library prints from C (psycopg2 does
    where a connection ends within COPY).
    """
    sys.excepthook = lambda _kind, error, _trace: _unexpected(error)
    threading.excepthook = lambda unseen: _unexpected(unseen.exc_value)
    sys.unraisablehook = lambda unseen: _unexpected(unseen.exc_value)


def _run() -> None:
    from ingest.cli.app import app
    from ingest.errors import Fenced, RadiologError
    from logging_module.errors import ConfigurationError

    try:
        app()
    except Fenced as error:
        _complain(str(error))
        sys.exit(EXIT_FENCED)
    except (RadiologError, ConfigurationError) as error:
        _complain(str(error))
        sys.exit(EXIT_FAILURE)
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`); nothing more may be written, not even at exit.
        sys.stdout = None
        sys.exit(EXIT_FAILURE)
    except Exception as error:  # noqa: BLE001 (the one place: logged in full, shown in one line)
        _unexpected(error)
        sys.exit(EXIT_FAILURE)


def _complain(message: str) -> None:
    from ingest.cli.output import visible

    print(f"radiolog: {visible(message)}", file=sys.stderr)  # noqa: T201 (this is the command line)


def _unexpected(error: BaseException | None) -> None:
    """A defect. In full with DEBUG=true, else the place in one line: the text could hold a log line."""
    import os
    import traceback

    if error is None or isinstance(error, SystemExit):
        return
    if os.environ.get("DEBUG", "").lower() in ("1", "true", "yes", "on"):
        traceback.print_exception(error)
        return
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].name} ({frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno})" if frames else "start"
    _complain(f"unexpected {type(error).__name__} in {where}; please report it. DEBUG=true shows all of it")
