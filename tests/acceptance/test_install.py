"""`make install` into an empty root, and the units: well-formed for systemd, and as shut off as it is promised."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from process_kit import COMMAND

ROOT = Path(__file__).parents[2]
UNITS = sorted(path.name for path in (ROOT / "systemd").glob("radiolog*.service"))
# systemd-analyze security, from 0 (nothing is left to take away) to 10.
MOST_EXPOSED = {"radiolog.service": 0.5, "radiolog-notify.service": 1.5}
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def install_script(root: Path, command: str, **more: str) -> str:
    """Run the script of `make install` with an empty environment; gives what it printed."""
    environment = {"PATH": os.environ["PATH"], "DESTDIR": str(root), **more}
    return subprocess.run(
        ["sh", str(ROOT / "scripts" / "install.sh"), command], env=environment, check=True, capture_output=True, text=True
    ).stdout  # fmt: skip


def files_below(root: Path) -> dict[str, int]:
    """Files and their permissions, by their path below the root."""
    return {
        str(path.relative_to(root)): stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*") if path.is_file()
    }


def test_everything_but_the_program_is_laid_out(tmp_path: Path) -> None:
    install_script(tmp_path, "files", PREFIX="/srv/radiolog")
    laid = files_below(tmp_path)
    assert laid["usr/local/bin/radiolog"] == 0o755
    assert laid["etc/radiolog/environment"] == 0o640
    assert laid["etc/radiolog/radiolog.toml"] == 0o640
    assert laid["etc/radiolog/notify"] == 0o600
    assert laid["etc/sysusers.d/radiolog.conf"] == laid["etc/tmpfiles.d/radiolog.conf"] == 0o644
    assert {name for name in laid if name.startswith("etc/systemd/system/")} == {
        f"etc/systemd/system/{path.name}"
        for path in (ROOT / "systemd").glob("radiolog*.[st]*")
        if path.suffix in {".service", ".timer"}
    }
    for name in laid:
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert str(tmp_path) not in text, name
        assert "/opt/radiolog" not in text or name.endswith(".md"), name
    settings = (tmp_path / "etc/radiolog/environment").read_text().splitlines()
    assert {"POSTGRES_HOST=/run/postgresql", "RADIOLOG_CONFIG=/etc/radiolog/radiolog.toml"} <= set(settings)


def test_what_an_operator_wrote_stays_through_upgrade_and_uninstall(tmp_path: Path) -> None:
    install_script(tmp_path, "files")
    settings = tmp_path / "etc/radiolog/environment"
    settings.write_text("RADIOLOG_STATION=Night\n")
    (tmp_path / "etc/radiolog/radiolog.toml").write_text("polling = true\n")
    report = tmp_path / "var/lib/radiolog/reports/weekly.html"
    report.parent.mkdir(parents=True)
    report.write_text("kept")
    install_script(tmp_path, "files")
    assert settings.read_text() == "RADIOLOG_STATION=Night\n"
    assert (tmp_path / "etc/radiolog/radiolog.toml").read_text() == "polling = true\n"
    assert "left as they are" in install_script(tmp_path, "uninstall")
    assert set(files_below(tmp_path)) == {
        "etc/radiolog/environment", "etc/radiolog/notify", "etc/radiolog/radiolog.toml", "var/lib/radiolog/reports/weekly.html",
    }  # fmt: skip
    install_script(tmp_path, "uninstall")  # again is harmless


def test_nothing_is_installed_by_halves_or_in_the_wrong_place(tmp_path: Path) -> None:
    for more, words in (
        ({"PREFIX": "/opt/a b"}, "PREFIX and BINDIR may hold"),
        ({"PREFIX": "opt"}, "PREFIX is an absolute path"),
        ({"PYTHON": "/nonexistent/python"}, "does not run"),
    ):
        with pytest.raises(subprocess.CalledProcessError) as refused:
            install_script(tmp_path, "install", **more)
        assert words in refused.value.stderr
    assert files_below(tmp_path) == {}


@pytest.fixture
def installed_units(tmp_path: Path) -> Path:
    """The units as they are installed, of a place where the command is."""
    prefix = tmp_path / "opt"
    (prefix / "venv/bin").mkdir(parents=True)
    (prefix / "venv/bin/radiolog").symlink_to(COMMAND)
    install_script(tmp_path / "root", "files", PREFIX=str(prefix))
    return tmp_path / "root/etc/systemd/system"


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_units(installed_units: Path) -> None:
    example = shutil.copy(ROOT / "systemd/examples/ffmpeg@.service", installed_units / "ffmpeg@x.service")
    units = sorted(str(path) for path in installed_units.iterdir())
    assert len(units) >= 8
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", *units], check=False, capture_output=True, text=True,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "notice"},
    )  # fmt: skip
    about_ours = [line for line in checked.stderr.splitlines() if "radiolog" in line or Path(example).name in line]
    assert (checked.returncode, about_ours) == (0, []), checked.stderr


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_as_shut_off_as_it_is_promised(installed_units: Path, unit: str) -> None:
    checked = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(installed_units / unit)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    found = re.search(r"exposure level for \S+: ([0-9.]+)", checked.stdout)
    assert found is not None, checked.stderr
    assert float(found[1]) <= MOST_EXPOSED.get(unit, 1.5)


def directives(unit: Path) -> dict[str, list[str]]:
    """A unit's settings; of one that is there several times all values."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text(encoding="utf-8").splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def test_who_reads_hostile_bytes_has_no_network_and_nothing_to_write(installed_units: Path) -> None:
    ingest = directives(installed_units / "radiolog.service")
    assert ingest["PrivateNetwork"] == ["yes"]
    assert ingest["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert "StateDirectory" not in ingest
    assert "ReadWritePaths" not in ingest
    assert "RestartPreventExitStatus" not in ingest  # 75, fenced off: it comes back
    assert ingest["StartLimitIntervalSec"] == ["0"]
    assert "ProcSubset" not in ingest  # the boot's id is in /proc/sys; without it a power cut looks like a truncation


def test_each_process_is_an_account_and_a_role_of_its_own(installed_units: Path) -> None:
    accounts = (ROOT / "systemd/radiolog.sysusers").read_text(encoding="utf-8")
    users = {}
    for name in UNITS:
        unit = directives(installed_units / name)
        (user,) = unit["User"]
        assert f"POSTGRES_USER={user}" in unit["Environment"], name
        assert re.search(rf"^u {user} ", accounts, re.MULTILINE), user
        users[name] = user
    assert (
        len(
            {
                users[name]
                for name in (
                    "radiolog.service",
                    "radiolog-notify.service",
                    "radiolog-report.service",
                    "radiolog-cleanup.service",
                )
            }
        )
        == 4
    )


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not installed")
def test_systemd_makes_the_accounts(tmp_path: Path) -> None:
    install_script(tmp_path, "files")
    made = subprocess.run(["systemd-sysusers", f"--root={tmp_path}"], check=False, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    names = {line.split(":")[0] for line in (tmp_path / "etc/passwd").read_text().splitlines()}
    assert names == {"radio", "radio_ingest", "radio_notify", "radio_report", "radio_retention"}
