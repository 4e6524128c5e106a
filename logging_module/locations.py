"""Where the embedded PostgreSQL keeps its data and its socket. Computes paths; touches nothing on disk."""

import hashlib
import os
from pathlib import Path

EMBEDDED_USER = "radio"
EMBEDDED_DATABASE = "radio_db"
EMBEDDED_PORT = 5432

# struct sockaddr_un (unix(7)) holds 108 bytes with the final NUL; PostgreSQL appends "/.s.PGSQL.5432".
_MAX_SOCKET_FOLDER_BYTES = 107 - len(f"/.s.PGSQL.{EMBEDDED_PORT}")


def data_folder(configured: Path | None) -> Path:
    """Folder of the embedded server: the configured one, else one per user.

    Args:
        configured: RADIOLOG_DATA_DIR; None for the default.

    Returns:
        An absolute path. Default: `/var/lib/radiolog` for root, else `radiolog` in the user's data folder
        (`XDG_DATA_HOME` of the XDG base directory specification, or `~/.local/share`).
    """
    if configured is not None:
        return Path(os.path.abspath(configured))
    if os.geteuid() == 0:
        return Path("/var/lib/radiolog")
    home = os.environ.get("XDG_DATA_HOME", "")
    base = Path(home) if home.startswith("/") else Path.home() / ".local" / "share"
    return base / "radiolog"


def socket_folder(data: Path) -> Path:
    """Folder of the server's Unix socket, the same for every process that uses this data folder.

    A socket's path is limited to 107 bytes, and a comma separates hosts for libpq. Where the data folder's path does
    not do for that, the socket lies in a folder of its own in `/tmp`, named by user and data folder (not in `TMPDIR`
    or `XDG_RUNTIME_DIR`: those differ between a login, cron and systemd, and all of them must find one server).

    Args:
        data: from `data_folder`.
    """
    inside = data / "socket"
    if len(os.fsencode(inside)) <= _MAX_SOCKET_FOLDER_BYTES and "," not in str(inside):
        return inside
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path(f"/tmp/radiolog-{os.geteuid()}-{digest}")  # noqa: S108 (its owner is checked before every use)
