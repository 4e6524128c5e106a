"""In CI a skipped test is a failure: the machine should have had what it needs. Excepted are those marked
`needs_privilege`, which are listed."""

import os

import pytest


class NoSkips:
    """Collects skipped tests and fails the run for them."""

    def __init__(self) -> None:
        self.excused: list[str] = []
        self.failures: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a skipped test; with xdist this runs in the controlling process too."""
        if report.skipped and not hasattr(report, "wasxfail"):
            (self.excused if "needs_privilege" in report.keywords else self.failures).append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Turn skips into a failed run."""
        if self.failures and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name them."""
        for test in self.excused:
            terminalreporter.write_line(f"skipped for want of a privilege: {test}")
        for test in self.failures:
            terminalreporter.write_line(f"skipped, which CI takes as a failure: {test}", red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Install the rule where `.ci/run` asks for it."""
    if os.environ.get("RADIOLOG_NO_SKIPS") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(NoSkips())
