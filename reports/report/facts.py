"""The plain lists of a report: encoder, host, data coverage, definitions. Pure."""

from datetime import date

from reports.report.findings import Findings
from reports.report.key_figures import COMPARABLE_COVERAGE
from reports.report.model import Fact
from reports.report.wording import count, decimal, duration, percent, size
from reports.window import local_date

_HOST_LABELS = {"cpu_percent": "CPU", "memory_percent": "Memory", "disk_percent": "Disk"}


def encoder_facts(findings: Findings) -> tuple[Fact, ...]:
    """How FFmpeg ran, and whether viewers saw it; empty where nothing was logged of either."""
    return (*_encoder_facts(findings), *_platform_facts(findings))


def _platform_facts(findings: Findings) -> tuple[Fact, ...]:
    platform = findings.platform
    if not platform["samples"]:
        return ()
    return (Fact("Platform live", f"{percent(platform['percent'])} of {count(platform['samples'])} checks"),)


def _encoder_facts(findings: Findings) -> tuple[Fact, ...]:
    encoder = findings.encoder
    if not encoder["sessions"] and not encoder["samples"]:
        return ()
    crashed = encoder["failed"] + encoder["killed"]
    facts = [
        Fact("Encoder uptime", f"{percent(findings.uptime.encoder_percent)} of the time in service"),
        Fact("Sessions", f"{count(encoder['sessions'])}, {count(crashed)} of them crashed"),
        Fact("Time with progress", duration(encoder["encoder_seconds"])),
        Fact("Frames dropped", f"{count(encoder['drop_frames'])} of {count(encoder['frames'])}"),
        Fact("Frames duplicated", count(encoder["dup_frames"])),
    ]
    if encoder["speed_worst"]:
        facts.append(Fact("Slowest speed", f"{decimal(encoder['speed_worst'], 2)}\u00d7 real time"))
    for label, name, unit, digits in (
        ("Speed", "speed", "\u00d7", 3), ("Frame rate", "fps", " fps", 1), ("Bit rate", "bitrate_kbps", " kbit/s", 0)
    ):  # fmt: skip
        if encoder[f"{name}_average"]:
            low, middle, high = (decimal(encoder[f"{name}_{part}"], digits) for part in ("low", "median", "high"))
            facts.append(Fact(label, f"{middle}{unit} (90 % of samples between {low} and {high})"))
    return tuple(facts)


def host_facts(findings: Findings) -> tuple[Fact, ...]:
    """Load of the machine, where a service logs it."""
    return tuple(
        Fact(
            _HOST_LABELS[row["metric_name"]],
            f"{decimal(row['median'])} % median, {decimal(row['high'])} % at the 95th percentile, "
            f"{decimal(row['greatest'])} % at most",
        )
        for row in findings.host
    )


def coverage_facts(findings: Findings, days: tuple[date, ...]) -> tuple[Fact, ...]:
    """What the figures rest on, and what is missing from them.

    Args:
        findings: the figures.
        days: those that are shown one by one.
    """
    coverage, total = findings.coverage, findings.uptime.total
    share = f"{percent(total.coverage_percent)} of {duration(total.service)} in service"
    known = share if total.service else "no station was in service"
    facts = [
        Fact("Known time", known),
        Fact("Time without data", duration(total.unknown)),
        Fact("Planned maintenance", duration(total.maintenance)),
        Fact("Log lines read so far", f"{count(coverage['lines'])} from {count(coverage['files'])} files"),
        Fact("Lines nobody could store", f"{count(coverage['dead_letters'])} (radiolog dead-letters list)"),
        Fact("Bytes lost unread", f"{size(coverage['gap_bytes'])} in {count(coverage['gaps'])} places"),
    ]
    if days[0] > local_date(findings.window.start, findings.zone):
        facts.append(Fact("Shown by day", f"the last {count(len(days))} days; the figures are of the whole period"))
    if coverage["unread_bytes"]:
        facts.append(Fact("Not read yet", size(coverage["unread_bytes"])))
    if coverage["underived"]:
        facts.append(Fact("Not worked out yet", f"{count(coverage['underived'])} spans wait for the bookkeeper"))
    if not findings.previous_uptime.total.service:
        facts.append(Fact("Comparison", "none: there is no data of the period before"))
    elif findings.previous_uptime.total.coverage_percent < COMPARABLE_COVERAGE:
        facts.append(Fact("Comparison", "none: too little is known of the period before"))
    return tuple(facts)


def definitions(findings: Findings) -> tuple[Fact, ...]:
    """What the words mean: a report explains itself."""
    gap = f"{findings.gap_threshold_seconds:g} s"
    return (
        Fact("Playout uptime", "Share of the known time in service during which a play ran, according to the play "
             "history. It does not see what the platform shows to viewers."),
        Fact("Outage", f"More than {gap} without a play, counted from its start. Outages with less than a minute on "
             "air between them are one."),
        Fact("Interruptions", f"Outages, and encoder crashes that were over within {gap}."),
        Fact("Unknown", "No service of the station logged anything for more than two minutes, or its log was lost "
             "unread. It counts neither as up nor as down; coverage is the share that is known."),
        Fact("Maintenance", "Planned windows. They are out of service and do not count."),
        Fact("Mean time to repair", "Time off air divided by the number of outages that began in the period."),
        Fact("Errors", "Messages of severity error or critical, repeats counted, without what FFmpeg says harmlessly "
             "at every start."),
        Fact("Change", "Against the period of equal length just before, where at least 90 % of that is known."),
    )  # fmt: skip
