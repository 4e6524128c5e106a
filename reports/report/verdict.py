"""The sentence that opens a report: was the period good, and what should be done. Pure."""

from reports.report.findings import Findings
from reports.report.model import Verdict
from reports.report.wording import count, duration, percent, plural

LOW_COVERAGE = 95.0
FLAPPING = 10
_CHECK_LOGS = (
    "If the station was on air, check that its services write logs and that the daemon reads them: radiolog status."
)


def judge(findings: Findings, *, empty: bool) -> Verdict:
    """The verdict on a period.

    Args:
        findings: the figures.
        empty: nothing was logged.
    """
    uptime = findings.uptime
    if empty:
        return Verdict("empty", "Nothing was logged in this period.", (_CHECK_LOGS,))
    if not uptime.total.up + uptime.total.down:
        return Verdict("fair", "No play was logged in this period, so uptime is not known.", _advice(findings))
    off_air = uptime.total.down
    if not uptime.interruptions and not off_air:
        sentence = "On air all the time that is known: no outage, no interruption."
    elif not uptime.outage_count and not off_air:
        sentence = f"On air throughout, with {plural(uptime.interruptions, 'brief encoder restart')}."
    else:
        sentence = (
            f"On air {percent(uptime.total.uptime_percent)} of the time: {plural(len(uptime.outages), 'outage')}, "
            f"{duration(off_air)} in all, the longest {duration(uptime.longest_outage_seconds)}."
        )
    missed = uptime.budget_left_seconds(findings.slo_percent) < 0
    fair = off_air > 0 or uptime.interruptions >= FLAPPING or uptime.total.coverage_percent < LOW_COVERAGE
    return Verdict("bad" if missed else "fair" if fair else "good", sentence, _advice(findings))


def _advice(findings: Findings) -> tuple[str, ...]:
    uptime = findings.uptime
    advice = []
    if any(outage.ongoing for outage in uptime.outages):
        advice.append("A station was off air when this report was made.")
    if uptime.total.service and uptime.total.coverage_percent < LOW_COVERAGE:
        unknown = duration(uptime.total.unknown)
        advice.append(f"Insufficient data: {unknown} without any log line. Nobody knows whether it was on air then.")
    if uptime.bridged_crashes:
        crashes = plural(uptime.bridged_crashes, "encoder crash", "encoder crashes")
        advice.append(f"{crashes} restarted so fast that no outage shows, but viewers noticed.")
    new = sum(row["new"] for row in findings.templates)
    if new and findings.previous_uptime.total.service:  # to a station's first report everything is new
        advice.append(f"{plural(new, 'kind')} of error never seen before.")
    if findings.coverage["gaps"]:
        advice.append(f"{count(findings.coverage['gap_bytes'])} bytes of logs vanished before they could be read.")
    if findings.coverage["suspended_files"]:
        advice.append("A file was suspended because its content is no log: radiolog dead-letters list, then release.")
    return tuple(advice)
