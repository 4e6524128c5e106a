"""The command `radiolog`: words typed in to calls. Everything heavy is imported inside the command that needs it."""

import sys

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
# EX_TEMPFAIL: another instance took these files over (docs/architecture.md, "The fence").
EXIT_FENCED = 75


def main() -> None:
    """Run the command line and exit: 0 on success, 1 on failure, 2 on wrong usage, 75 when fenced off."""
    try:
        _run()
    except KeyboardInterrupt:  # also while modules are still being loaded
        sys.exit(EXIT_INTERRUPTED)


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


def _unexpected(error: Exception) -> None:
    """A defect of ours. In full with DEBUG=true, else the place in one line: the text could hold a log line."""
    import os
    import traceback

    if os.environ.get("DEBUG", "").lower() in ("1", "true", "yes", "on"):
        traceback.print_exception(error)
        return
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].name} ({frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno})" if frames else "start"
    _complain(f"unexpected {type(error).__name__} in {where}; please report it. DEBUG=true shows all of it")
