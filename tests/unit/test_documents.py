"""The documents name what exists: every command and every setting of the README."""

import re
from pathlib import Path

import pytest
import typer

from ingest.cli.app import app
from logging_module.config import CONFIG_VARIABLE, LoggingConfig, variable_name
from logging_module.reference import configuration_page

ROOT = Path(__file__).parents[2]


def commands() -> set[str]:
    """All commands of the command line, `db init` with a space."""
    found = set()
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found |= {f"{name} {sub}" for sub in inner} if inner else {name}
        if getattr(command, "invoke_without_command", False):
            found.add(name)
    return found


def test_every_command_is_in_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for command in commands():
        assert command.split()[0] in text, command


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "docs/architecture.md",
        "docs/ffmpeg.md",
        "docs/install.md",
        "docs/integration.md",
        "docs/log-format.md",
        "docs/notifications.md",
        "docs/operations.md",
        "docs/scaling.md",
        "docs/stations.md",
        "docs/uptime.md",
    ],
)
def test_commands_and_settings_in_documents_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    known = commands()
    for quoted, typed in re.findall(
        r"`radiolog ((?:[a-z][a-z-]*)(?: [a-z]+)?)|^(?:LOG_PATH=\S+ )?radiolog ((?:[a-z-]+)(?: [a-z]+)?) +[#-]",
        text,
        re.MULTILINE,
    ):
        words = quoted or typed
        assert any(words == name or words.startswith(f"{name} ") or words.split()[0] == name for name in known), words
    settings = {CONFIG_VARIABLE, *(variable_name(name) for name in LoggingConfig.model_fields)}
    for name in re.findall(r"\b(?:RADIOLOG|POSTGRES|LOG)_[A-Z_]+\b", text):
        assert name in settings, name


def test_the_page_of_settings_is_up_to_date() -> None:
    page = configuration_page((ROOT / "env.example").read_text(encoding="utf-8"))
    assert page == (ROOT / "docs/configuration.md").read_text(encoding="utf-8"), "make docs"
    for name in LoggingConfig.model_fields:
        assert page.count(f"\n| `{variable_name(name)}` |") == 1, name


def test_links_lead_somewhere() -> None:
    for document in [ROOT / "README.md", ROOT / "SECURITY.md", *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_test_that_a_document_names_exists() -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for document in [ROOT / "SECURITY.md", *ROOT.glob("docs/*.md")]:
        for name in re.findall(r"`(test_[a-z0-9_]+)`", document.read_text(encoding="utf-8")):
            assert f"def {name}(" in tests, f"{document.name}: {name}"


def test_every_fault_has_a_test_or_a_reason_and_the_soaks_names_exist() -> None:
    text = (ROOT / "docs" / "exactly-once.md").read_text(encoding="utf-8").split("## Every fault and its test")[1]
    soak = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "soak").glob("*.py"))
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    faults = [row for row in rows if row[0] not in {"fault", "---"}]
    assert len(faults) > 50
    for fault, proof, *in_soak in faults:
        assert "`test_" in proof or proof.startswith(("none ", "as ")), fault
        for name in re.findall(r"`([a-z_]+)`", " ".join(in_soak)):
            assert f"def {name}(" in soak or f'"{name}"' in soak or name.startswith("regrown_"), f"{fault}: {name}"


def test_every_threat_has_a_test_and_each_kind_of_attacker_a_threat() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?!threat|---)(.*?) \| (A[1-6 A]*) \| (.+?) \| (.+) \|$", text, re.MULTILINE)
    assert len(rows) > 12
    for threat, _, _, tests in rows:
        assert re.fullmatch(r"`test_\w+`(, `test_\w+`)*", tests), threat
    assert {who for row in rows for who in row[1].split()} == {"A1", "A2", "A3", "A4", "A5", "A6"}


def test_every_requirement_is_locked_by_its_hash() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text(encoding="utf-8")
        packages = re.findall(r"^\S+==\S+.*(?:\n +.*)*", text, re.MULTILINE)
        assert len(packages) > 20, path.name
        for package in packages:
            assert "--hash=sha256:" in package, package
        assert "://" not in text, path.name


def test_no_file_is_longer_than_it_should_be() -> None:
    """Files of code stay readable: 300 lines are the aim, 400 the limit."""
    for package in ("ingest", "parsers", "reports", "logging_module", "samples", "benchmarks"):
        for path in (ROOT / package).rglob("*.py"):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            assert lines <= 400, f"{path.relative_to(ROOT)}: {lines}"
