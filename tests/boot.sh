#!/bin/bash
# `make boot`: radiolog installed into a copy of this machine's root and started by a real systemd (docs/install.md).
# Needs root, systemd-nspawn (Debian: systemd-container), PostgreSQL 15 or later, logrotate and a Python outside of /root and
# /home. Nothing of this machine is changed: the copy is an overlay in memory, and has no network.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-/usr/bin/python3}
work=$(mktemp -d -t radiolog-boot-XXXXXX)
root=$work/disk/root
say() { echo "boot: $*"; }
fail() {
    echo "boot: FAILED: $*" >&2
    echo "--- journal of our units" >&2
    inside journalctl --no-pager -q -u 'radiolog*' -n 60 >&2 || true
    exit 1
}
inside() { nsenter -t "$init" -a -- "$@"; }
as() { # as USER COMMAND …
    local user=$1
    shift
    inside setpriv --reuid "$user" --regid "$user" --init-groups env -C / PATH=/usr/local/bin:/usr/bin:/bin "$@"
}
query() { as radio psql -h /run/postgresql -d radio_db -Atqc "$1"; }
property() { inside systemctl show -P "$2" "$1"; }
says() { # says WORDS COMMAND …; no pipe: under pipefail the one who writes would fail when grep has seen enough
    local words=$1
    shift
    grep -q -- "$words" <<<"$("$@")"
}
journal_says() { says "$2" inside journalctl -q --no-pager -u "$1"; }
wait_for() { # wait_for SECONDS WORDS COMMAND …
    local seconds=$1 words=$2 end
    shift 2
    end=$((SECONDS + seconds))
    until "$@"; do
        ((SECONDS < end)) || fail "not within $seconds s: $words"
        sleep 0.2
    done
}
finish() {
    [ -z "${container:-}" ] || { kill "$container" 2>/dev/null || true; wait "$container" 2>/dev/null || true; }
    mountpoint -q "$root" && umount "$root"
    mountpoint -q "$work/disk" && umount "$work/disk"
    rm -rf "$work"
}
container='' init=''
trap finish EXIT

# ---------------------------------------------------------------- a root, and radiolog in it
mkdir "$work/disk"
mount -t tmpfs -o size=3g radiolog-boot "$work/disk"
mkdir "$root" "$work/disk/upper" "$work/disk/scratch"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/disk/upper,workdir=$work/disk/scratch" "$root"
rm -rf "$root"/etc/systemd/system/radiolog* "$root"/etc/radiolog "$root"/var/log/radio "$root"/opt/radiolog
: >"$root/etc/machine-id"
say "installs"
make -s install DESTDIR="$root" PYTHON="$python" >"$work/install.log" 2>&1 || { cat "$work/install.log"; exit 1; }
if grep -rIl "$work" "$root/opt/radiolog" "$root/usr/local/bin/radiolog" "$root/etc/systemd/system" | grep .; then
    echo "boot: FAILED: these files know where they were built" >&2
    exit 1
fi
# A machine with nothing but PostgreSQL and us.
mkdir -p "$root/etc/systemd/system/boot-test.target.wants"
cat >"$root/etc/systemd/system/boot-test.target" <<END
[Unit]
Requires=basic.target
After=basic.target
END
rm -rf "$root"/etc/systemd/system/{multi-user,timers,sockets,sysinit}.target.wants

# ---------------------------------------------------------------- boot
say "boots"
systemd-nspawn -q --register=no --keep-unit --private-network --machine=radiolog-boot --bind-ro="$PWD:/srv/source" -D "$root" -b systemd.unit=boot-test.target \
    </dev/null >"$work/console" 2>&1 &
container=$!
wait_for 30 "systemd is process 1" eval 'init=$(pgrep -P "$container" -x systemd)'
wait_for 60 "systemd has started" eval 'inside systemctl is-active -q boot-test.target'
[ "$(inside cat /proc/1/comm)" = systemd ] || fail "process 1 is no systemd"
inside sh /srv/source/scripts/install.sh files # what needs a live system: accounts, folders, the units' reload
for account in radio radio_ingest radio_notify radio_report radio_retention; do
    inside id "$account" >/dev/null || fail "systemd-sysusers made no $account"
done
[ "$(inside stat -c '%a %U:%G' /etc/radiolog/environment)" = "640 root:radio" ] || fail "settings are not for their group"
[ "$(inside stat -c '%a %U:%G' /var/log/radio)" = "2770 root:radio" ] || fail "systemd-tmpfiles made no /var/log/radio"
cluster=$(basename "$(ls -d /usr/lib/postgresql/* | sort -V | tail -1)")
says . inside pg_lsclusters -h || inside pg_createcluster "$cluster" main >/dev/null
inside systemctl start "postgresql@$cluster-main"

say "the database, as docs/install.md says"
as postgres createuser --createrole radio
as postgres createdb -O radio radio_db
as radio radiolog db init
for role in radio_ingest radio_notify radio_report radio_retention; do
    if [ -z "$(query "SELECT 1 FROM pg_roles WHERE rolname = '$role'")" ]; then # until `db init` makes them
        say "db init made no role $role: it gets the owner's rights"
        query "CREATE ROLE $role LOGIN IN ROLE radio" >/dev/null
    fi
done

say "starts the daemon"
begin=$SECONDS
inside systemctl start radiolog || fail "it does not start"
say "ready after $((SECONDS - begin)) s"
[ "$(property radiolog Type)" = notify ] && [ "$(property radiolog ActiveState)" = active ] || fail "not active by notify"
[ "$(property radiolog WatchdogUSec)" = 3min ] || fail "no watchdog"
wait_for 30 "its STATUS" says "^follows " property radiolog StatusText

# ---------------------------------------------------------------- every line once, through a rotation, a kill and a restart
written=0
append() {
    seq "$written" $((written + 499)) | sed 's/.*/{"event": "metric", "metric_name": "boot", "metric_value": &}/' |
        inside tee -a /var/log/radio/boot.log >/dev/null
    written=$((written + 500))
}
# Waits for all lines that were written; none may be there twice.
all_stored() { # all_stored WORDS
    wait_for 60 "the lines $1 are stored" stored
    local found
    found=$(query "SELECT count(*), count(DISTINCT metric_value) FROM system_metrics WHERE metric_name = 'boot'")
    if [ "$found" != "$written|$written" ]; then
        query "SELECT f.*, (SELECT count(*) FROM system_metrics m WHERE m.generation = f.generation) AS rows FROM ingest_files f" -x >&2
        inside ls -li /var/log/radio >&2
        fail "$written lines were written; rows and different ones: $found, $1"
    fi
}
stored() { [ "$(query "SELECT count(*) FROM system_metrics WHERE metric_name = 'boot'")" -ge "$written" ]; }
rotate() {
    inside cp /opt/radiolog/examples/logrotate /etc/logrotate.d/radio
    inside logrotate --force --state /run/rotated /etc/logrotate.d/radio
}
append
all_stored "at first"
rotate
append
rotate
append

say "kill -9"
pid=$(property radiolog MainPID)
inside kill -9 "$pid"
wait_for 30 "it is started again" eval '[ "$(property radiolog NRestarts)" -ge 1 ] && [ "$(property radiolog ActiveState)" = active ]'
all_stored "after kill -9"

say "fenced off by a second start of the same instance"
before=$(property radiolog NRestarts)
query "UPDATE ingest_instances SET epoch = epoch + 1" >/dev/null
wait_for 30 "exit code 75 is followed by a start" eval '[ "$(property radiolog NRestarts)" -gt "$before" ] && [ "$(property radiolog ActiveState)" = active ]'
wait_for 30 "the journal tells of 75" journal_says radiolog "status=75"

say "the watchdog ends a daemon that stands still"
inside mkdir -p /run/systemd/system/radiolog.service.d
printf '[Service]\nWatchdogSec=6\n' | inside tee /run/systemd/system/radiolog.service.d/short.conf >/dev/null
inside systemctl daemon-reload
inside systemctl restart radiolog
sleep 14 # more than two of its times: it lives because it is fed
[ "$(property radiolog NRestarts)" = 0 ] || fail "a healthy daemon was ended by its watchdog"
inside kill -STOP "$(property radiolog MainPID)"
wait_for 60 "the watchdog's start" eval '[ "$(property radiolog NRestarts)" -ge 1 ] && [ "$(property radiolog ActiveState)" = active ]'
journal_says radiolog "Watchdog timeout" || fail "it was not the watchdog"
append
all_stored "after the watchdog"

say "what the sandbox forbids"
main=$(property radiolog MainPID)
[ -z "$(inside nsenter -t "$main" -n ip -o link show | grep -v ' lo:')" ] || fail "ingest has a network"
inside nsenter -t "$main" -m touch /var/log/radio/x 2>/dev/null && fail "ingest may write into the logs"
[ "$(inside grep -c 'CapEff:.0000000000000000' "/proc/$main/status")" = 1 ] || fail "ingest has capabilities"

say "reload: a second station by the configuration file; a wrong file changes nothing"
config=/etc/radiolog/radiolog.toml
second_station() { [ "$(query "SELECT station FROM system_metrics WHERE metric_name = 'second'")" = Second ]; }
inside mkdir /var/log/second
printf '\n[[sources]]\npaths = ["/var/log/second/*.log"]\nstation = "Second"\n' | inside tee -a $config >/dev/null
inside systemctl reload radiolog || fail "no reload"
echo '{"event": "metric", "metric_name": "second", "metric_value": 1}' | inside tee /var/log/second/a.log >/dev/null
wait_for 30 "the second station's line" second_station
echo 'odd = 1' | inside tee -a $config >/dev/null
inside systemctl reload radiolog 2>/dev/null && fail "a wrong file was taken"
[ "$(property radiolog ActiveState)" = active ] || fail "a wrong file ended the daemon"
inside sed -i '$d' $config
inside systemctl reload radiolog || fail "no second reload"
[ "$(property radiolog MainPID)" = "$main" ] || fail "a reload is no restart"

say "SIGTERM"
begin=$(date +%s%N)
inside systemctl stop radiolog
took_ms=$((($(date +%s%N) - begin) / 1000000))
say "stopped after $took_ms ms"
[ "$took_ms" -lt 5000 ] || fail "stopping took $took_ms ms"
[ "$(property radiolog Result)" = success ] || fail "it did not end well: $(property radiolog Result)"

say "the report, the digest's and the cleanup's units"
inside systemctl start radiolog-report || fail "no report"
says html inside find /var/lib/radiolog/reports -name 'weekly_report_*.html' -size +10k || fail "no report file"
if as radio radiolog cleanup --help >/dev/null 2>&1; then inside systemctl start radiolog-cleanup || fail "no cleanup"; fi
inside systemctl start radiolog-report.timer radiolog-cleanup.timer

if as radio radiolog metrics --help >/dev/null 2>&1; then
    say "the metrics"
    inside systemctl start radiolog-metrics
    wait_for 30 "metrics say that they live" journal_says radiolog-metrics /metrics
    url=$(inside journalctl -q --no-pager -o cat -u radiolog-metrics | grep -m1 -o 'http://[^ ]*')
    says "^radio_" inside /opt/radiolog/venv/bin/python -c "from urllib.request import urlopen; print(urlopen('$url').read().decode())" ||
        fail "no metrics at $url"
fi

say "the notifier"
echo 'RADIOLOG_DISCORD_WEBHOOK_URL=https://discord.com/api/webhooks/1/x' | inside tee -a /etc/radiolog/notify >/dev/null
inside systemctl start radiolog-notify
wait_for 30 "the notifier runs" journal_says radiolog-notify "sending to discord"
[ "$(property radiolog-notify ActiveState)" = active ] || fail "the notifier does not run"

say "upgrade, and a database that was dumped and restored"
append
as postgres pg_dump -Fc -f /tmp/dump radio_db
sum=$(sha256sum "$root/etc/radiolog/environment")
make -s install DESTDIR="$root" PYTHON="$python" >"$work/install.log" 2>&1 || fail "the upgrade: $(cat "$work/install.log")"
[ "$sum" = "$(sha256sum "$root/etc/radiolog/environment")" ] || fail "the settings were overwritten"
inside systemctl daemon-reload
inside systemctl stop radiolog-notify radiolog-metrics
as postgres dropdb radio_db
as postgres pg_restore --create -d postgres /tmp/dump
inside systemctl start radiolog
append
rotate
all_stored "after the restore"
as radio radiolog ledger --recount || fail "the ledger does not hold"

say "doctor"
as radio radiolog doctor || fail "doctor finds errors"

say "uninstall"
inside systemctl enable -q --now radiolog
inside sh /srv/source/scripts/install.sh uninstall
[ "$(property radiolog ActiveState)" = inactive ] || fail "the daemon outlived its program"
[ ! -e "$root/opt/radiolog" ] && [ ! -e "$root/etc/systemd/system/radiolog.service" ] || fail "something of the program is left"
[ -e "$root/etc/radiolog/environment" ] && says html inside ls /var/lib/radiolog/reports || fail "the operator's files are gone"
say "all well: $written lines, each stored once"
