#!/bin/sh
# `make install` and `make uninstall` (docs/install.md). Everything is laid below DESTDIR, which is empty on a live system;
# paths inside of the files never mention it. What an operator has changed or filled is never touched: settings, logs,
# reports, accounts, the database.
#
#   install.sh install     the program into a virtual environment of its own, then `files`
#   install.sh files       command, units, accounts, folders, settings, documents
#   install.sh uninstall   both, without what is the operator's
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
PREFIX=${PREFIX:-/opt/radiolog}
BINDIR=${BINDIR:-/usr/local/bin}
DESTDIR=${DESTDIR:-}
PYTHON=${PYTHON:-python3}
units=$DESTDIR/etc/systemd/system
settings=$DESTDIR/etc/radiolog

fail() {
    echo "make: $*" >&2
    exit 1
}

# Whether this is the live system, with systemd at work.
live() {
    [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]
}

check() {
    case $PREFIX$BINDIR in
    *[!A-Za-z0-9/._+-]*) fail "PREFIX and BINDIR may hold letters, digits and / . _ + - only" ;;
    esac
    case $PREFIX in /?*) ;; *) fail "PREFIX is an absolute path" ;; esac
    if [ -z "$DESTDIR" ] && [ "$(id -u)" != 0 ]; then
        fail "installing needs root: sudo make install (or DESTDIR=FOLDER for a package)"
    fi
}

# The units see neither /root nor /home: a Python that lives there could not be started by them.
check_python() {
    base=$("$PYTHON" -c 'import os, sys; print(os.path.realpath(sys.base_prefix))') || fail "$PYTHON does not run"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$PYTHON is older than 3.11"
    case $base/ in
    /root/* | /home/*) fail "$PYTHON lives in $base, where services may not look: make install PYTHON=/usr/bin/python3" ;;
    esac
    "$PYTHON" -c 'import ensurepip' 2>/dev/null || fail "$PYTHON has no venv: apt install python3-venv"
}

# Beside the old one, which takes over in the moment in which it is complete.
install_program() {
    home=$DESTDIR$PREFIX
    rm -rf "$home/venv.new"
    mkdir -p "$home"
    "$PYTHON" -m venv "$home/venv.new"
    pip="$home/venv.new/bin/python -m pip --disable-pip-version-check --no-input install -q --no-compile"
    $pip --require-hashes -r "$here/requirements/runtime.txt"
    $pip --no-deps --no-build-isolation "$here"
    find "$home/venv.new/bin" "$home/venv.new/pyvenv.cfg" -type f -exec sed -i "s|$home/venv.new|$PREFIX/venv|g" {} +
    find "$home/venv.new/lib" -name __pycache__ -prune -exec rm -rf {} +
    "$home/venv.new/bin/python" -m compileall -q -j 0 -s "$home/venv.new" -p "$PREFIX/venv" "$home/venv.new/lib"
    chmod -R go+rX,go-w "$home/venv.new"
    if [ -e "$home/venv" ]; then
        rm -rf "$home/venv.old"
        mv "$home/venv" "$home/venv.old"
    fi
    mv "$home/venv.new" "$home/venv"
    rm -rf "$home/venv.old"
}

# lay MODE SOURCE TARGET: with PREFIX in its place.
lay() {
    mkdir -p "$(dirname "$3")"
    sed "s|/opt/radiolog|$PREFIX|g" "$2" >"$3.new"
    chmod "$1" "$3.new"
    mv "$3.new" "$3"
}

# keep MODE SOURCE TARGET: only where there is nothing yet.
keep() {
    if [ ! -e "$3" ]; then
        lay "$@"
    fi
}

install_files() {
    mkdir -p "$DESTDIR$BINDIR" "$settings"
    cat >"$DESTDIR$BINDIR/radiolog.new" <<END
#!/bin/sh
# radiolog with the settings of the services: /etc/radiolog/environment
RADIOLOG_ENV_FILE=\${RADIOLOG_ENV_FILE:-/etc/radiolog/environment}
export RADIOLOG_ENV_FILE
exec $PREFIX/venv/bin/radiolog "\$@"
END
    chmod 755 "$DESTDIR$BINDIR/radiolog.new"
    mv "$DESTDIR$BINDIR/radiolog.new" "$DESTDIR$BINDIR/radiolog"
    for unit in "$here"/systemd/*.service "$here"/systemd/*.timer; do
        lay 644 "$unit" "$units/$(basename "$unit")"
    done
    lay 644 "$here/systemd/radiolog.sysusers" "$DESTDIR/etc/sysusers.d/radiolog.conf"
    lay 644 "$here/systemd/radiolog.tmpfiles" "$DESTDIR/etc/tmpfiles.d/radiolog.conf"
    for document in "$here"/*.md "$here"/docs/*.md "$here"/systemd/examples/*; do
        case $document in
        */systemd/*) lay 644 "$document" "$DESTDIR$PREFIX/examples/$(basename "$document")" ;;
        *) lay 644 "$document" "$DESTDIR$PREFIX/docs/$(basename "$document")" ;;
        esac
    done
    chmod 755 "$settings"
    sed -e 's|^#POSTGRES_HOST=$|POSTGRES_HOST=/run/postgresql|' \
        -e 's|^#RADIOLOG_CONFIG=$|RADIOLOG_CONFIG=/etc/radiolog/radiolog.toml|' \
        "$here/env.example" >"$DESTDIR$PREFIX/examples/environment"
    keep 640 "$here/systemd/examples/radiolog.toml" "$settings/radiolog.toml"
    keep 640 "$DESTDIR$PREFIX/examples/environment" "$settings/environment"
    keep 600 "$here/systemd/examples/notify" "$settings/notify"
    if live; then
        systemd-sysusers /etc/sysusers.d/radiolog.conf
        systemd-tmpfiles --create /etc/tmpfiles.d/radiolog.conf
        chgrp radio /etc/radiolog/environment /etc/radiolog/radiolog.toml
        systemctl daemon-reload
    fi
}

uninstall() {
    for unit in "$here"/systemd/*.service "$here"/systemd/*.timer; do
        name=$(basename "$unit")
        if live && [ -e "$units/$name" ]; then
            systemctl disable --now -q "$name"
        fi
        rm -f "$units/$name"
    done
    rm -f "$DESTDIR/etc/sysusers.d/radiolog.conf" "$DESTDIR/etc/tmpfiles.d/radiolog.conf" "$DESTDIR$BINDIR/radiolog"
    for folder in venv venv.new venv.old docs examples; do
        rm -rf "$DESTDIR$PREFIX/${folder:?}"
    done
    rmdir "$DESTDIR$PREFIX" 2>/dev/null || true
    if live; then
        systemctl daemon-reload
    fi
    echo "left as they are: /etc/radiolog, /var/log/radio, /var/lib/radiolog, the accounts, the database"
}

check
case ${1:-} in
install)
    check_python
    install_program
    install_files
    cat <<END
radiolog is in $PREFIX. Next (docs/install.md): the database, /etc/radiolog/environment, then
    systemctl enable --now radiolog radiolog-report.timer radiolog-cleanup.timer
    sudo -u radio radiolog doctor
END
    ;;
files) install_files ;;
uninstall) uninstall ;;
*) fail "install.sh install, files or uninstall" ;;
esac
