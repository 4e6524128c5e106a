"""The embedded server's folders, owner and locks on disk. Starts nothing.

    <data folder>/            owned by us; 0711 as root (the server's account passes through), else 0700
    ├── postgresql-<version>/ the programs, copied from the wheel, so that no rebuilt environment takes them away
    ├── postgres/             the database cluster, 0700, owned by the account that the server runs as
    ├── socket/               the Unix socket, 0700, same owner (in /tmp when the path is too long)
    ├── access.conf, names.conf   who may connect (pg_hba.conf, pg_ident.conf), written anew at each start
    ├── server.log            what PostgreSQL says
    ├── start.lock            held by whoever starts or stops the server
    └── server.lock           held by the server's own processes, as an inherited descriptor

Whether a server runs is asked of `server.lock`, not of a pid: the kernel lets go of it when the last process of the
server is gone, however it went; a pid may be reused by anything, or belong to another container. As root, all files
that we write lie in a folder that the server's account cannot write to, so it cannot lead us elsewhere with links.
"""

import contextlib
import errno
import fcntl
import os
import pwd
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ingest.errors import ConfigurationError, DatabaseError, DatabaseUnavailable
from logging_module.locations import data_folder, socket_folder

# As root the server runs as the first of these accounts that exists; `nobody` is everywhere, but shared.
_ACCOUNTS = ("radiolog", "postgres", "nobody")
_SHELL_CHARACTERS = '"$`\\'
_LOCK_WAIT_SECONDS = 90.0


class Home(NamedTuple):
    """Where everything of one embedded server lies."""

    root: Path
    socket: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data directory."""
        return self.root / "postgres"

    @property
    def log(self) -> Path:
        """What the server writes to its standard error."""
        return self.root / "server.log"

    @property
    def start_lock(self) -> Path:
        """Held while a server is started or stopped."""
        return self.root / "start.lock"

    @property
    def server_lock(self) -> Path:
        """Held while any process of the server lives."""
        return self.root / "server.lock"


class Account(NamedTuple):
    """The operating system's user as whom the server runs; `switched`: it is not ours, we are root."""

    uid: int
    gid: int
    name: str
    switched: bool

    @property
    def popen_options(self) -> dict[str, object]:
        """How `subprocess` becomes this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switched else {}


def home_of(data_dir: Path | None) -> Home:
    """Folders of the embedded server of a data folder (RADIOLOG_DATA_DIR; None: the user's own)."""
    root = data_folder(data_dir)
    return Home(root, socket_folder(root))


def account_for(home: Home) -> Account:
    """As whom the server runs: we ourselves, or as root the owner of the cluster, or an unprivileged account.

    Raises:
        ConfigurationError: there is no such account, or the cluster belongs to somebody else.
    """
    ours = os.geteuid()
    owner = home.cluster.stat().st_uid if home.cluster.exists() else None
    if ours != 0:
        if owner not in {None, ours}:
            raise ConfigurationError(f"{home.root} belongs to another user: set RADIOLOG_DATA_DIR to a folder of yours")
        return _account(ours, switched=False)
    if home.root.stat().st_uid != 0:
        raise ConfigurationError(
            f"{home.root} belongs to an ordinary user: run radiolog as that user, or set RADIOLOG_DATA_DIR"
        )
    if owner is not None:
        return _account(owner, switched=True)
    for name in _ACCOUNTS:
        with contextlib.suppress(KeyError):
            return _account(pwd.getpwnam(name).pw_uid, switched=True)
    raise ConfigurationError(
        f"PostgreSQL does not run as root, and none of the users {', '.join(_ACCOUNTS)} exists: add one (`useradd "
        "--system radiolog`), or set POSTGRES_HOST"
    )


def _account(uid: int, *, switched: bool) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise ConfigurationError(
            f"user id {uid} has no name on this system (/etc/passwd), and PostgreSQL needs one: add it, or set "
            "POSTGRES_HOST"
        ) from None
    return Account(uid, entry.pw_gid, entry.pw_name, switched)


def make_root(home: Home) -> None:
    """Create the data folder, and what is missing above it. Folders that exist keep their permissions.

    Raises:
        ConfigurationError: it cannot be created or written.
    """
    mode = 0o711 if os.geteuid() == 0 else 0o700
    missing = [folder for folder in (home.root, *home.root.parents) if not os.path.exists(folder)]
    try:
        for folder in reversed(missing):
            with contextlib.suppress(FileExistsError):  # another process made it at the same time
                folder.mkdir()
                folder.chmod(mode)
    except OSError as error:
        raise ConfigurationError(_unusable(home, error.strerror)) from error
    if not home.root.is_dir() or not os.access(home.root, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigurationError(_unusable(home, "it is not a folder that this user may write to"))


def _unusable(home: Home, reason: str | None) -> str:
    return f"the embedded PostgreSQL's folder {home.root} cannot be used: {reason}; set RADIOLOG_DATA_DIR"


def check_name(home: Home) -> None:
    """Refuse a path that would mean something else to the shell through which initdb finds its server.

    Raises:
        ConfigurationError: names the characters.
    """
    if not str(home.root).isprintable() or set(str(home.root)) & set(_SHELL_CHARACTERS):
        raise ConfigurationError(
            f"the path {str(home.root)!r} holds one of {' '.join(_SHELL_CHARACTERS)} or a control character, which "
            "PostgreSQL's initdb does not stand: set RADIOLOG_DATA_DIR"
        )


def check_reachable(home: Home, account: Account) -> None:
    """Make sure that the server's account may pass through every folder above its data; as root only.

    Raises:
        ConfigurationError: names the folder that it may not enter. Nobody's permissions are changed.
    """
    if not account.switched:
        return
    for folder in (*reversed(home.root.parents), home.root):
        test = subprocess.run(["/usr/bin/test", "-x", folder], check=False, **account.popen_options)  # type: ignore[call-overload]
        if test.returncode != 0:
            raise ConfigurationError(
                f"as root, PostgreSQL runs as user {account.name!r}, who may not enter {folder}: set RADIOLOG_DATA_DIR "
                "to a folder below which it may (the default is /var/lib/radiolog)"
            )


def make_owned_folder(folder: Path, account: Account) -> None:
    """Create a folder for the server alone, 0700; one that exists must be exactly that.

    Raises:
        ConfigurationError: something else lies there: in /tmp anybody could have put it there.
    """
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        if account.switched:
            os.chown(folder, account.uid, account.gid)
    if not is_private(folder, account.uid):
        raise ConfigurationError(f"{folder} is not a folder of user {account.name!r} alone (mode 0700): remove it")


def is_private(folder: Path, uid: int) -> bool:
    """Whether this is a real folder that belongs to the user and that nobody else may enter."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == uid and not status.st_mode & 0o077


def write_file(path: Path, content: str) -> None:
    """Replace a file of ours in one step; readable by the server's account."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with open(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o644)
        file.write(content)
    new.replace(path)


@contextlib.contextmanager
def start_locked(home: Home) -> Iterator[None]:
    """Hold the lock under which a server is started or stopped.

    Raises:
        DatabaseUnavailable: somebody else holds it for too long.
    """
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    while (descriptor := try_lock(home.start_lock)) is None:
        if time.monotonic() > deadline:
            raise DatabaseUnavailable(
                f"another process has been starting or stopping PostgreSQL in {home.root} for long"
            )
        time.sleep(0.02)
    try:
        yield
    finally:
        os.close(descriptor)


def try_lock(path: Path) -> int | None:
    """A descriptor that holds the file's lock (flock(2)), to be closed by the caller; None when somebody has it.

    Whoever inherits the descriptor holds the lock too, until the last one closes it or dies.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseError(f"{path} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return None
        raise DatabaseError(f"{path} cannot be locked: {error.strerror}") from error
    return descriptor


def server_alive(home: Home) -> bool:
    """Whether any process of the server lives. Ask under `start_locked`."""
    descriptor = try_lock(home.server_lock)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def postmaster_pid(home: Home) -> int | None:
    """The server's main process; None where the pid file is missing, or speaks of another program."""
    try:
        pid = int((home.cluster / "postmaster.pid").read_bytes().split(b"\n", 1)[0])
        works_in = os.readlink(f"/proc/{pid}/cwd")  # PostgreSQL changes into its data directory
    except (OSError, ValueError):
        return None
    return pid if works_in == os.path.realpath(home.cluster) else None


def last_words(home: Home, lines: int = 5) -> str:
    """The end of the server's log, for an error message."""
    try:
        with home.log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return f"no log in {home.log}"
    shown = ["".join(char if char.isprintable() else " " for char in line) for line in text.splitlines()[-lines:]]
    return "\n".join([f"the end of {home.log}:", *(f"  {line}" for line in shown)])
