"""Writes structlog's sample lines to stdout. What each line must become stands at the end of its message."""

import sys
from typing import Any

import structlog

P = structlog.processors


def logger(*processors: Any) -> Any:
    return structlog.wrap_logger(structlog.PrintLogger(sys.stdout), processors=[*processors, P.JSONRenderer()])


def main() -> None:
    log = logger(P.add_log_level, P.TimeStamper(fmt="iso"), P.StackInfoRenderer(), P.format_exc_info)
    log.debug("a step, expect debug")
    log.info("the playlist was loaded, expect info")
    log.warning("the upload is slow, expect warning", delay=3.5)
    log.error("the upload failed, expect error", status=502)
    log.critical("no source is left, expect critical")
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        log.exception("dividing failed, expect error trace")
        logger(P.add_log_level, P.TimeStamper(fmt="iso"), P.dict_tracebacks).exception(
            "with a structured traceback, expect error trace"
        )
    log.bind(module="covers").warning("the cover is missing, expect warning")
    log.info("metric", metric_name="listeners", metric_value=41)
    log.info("track_started", artist="Odalys Venn", title="Night Desk", duration=213.4)
    logger(P.add_log_level, P.TimeStamper()).warning("a time as a number, expect warning")
    logger(P.add_log_level, P.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=True)).warning(
        "without a zone, expect warning zoneless"
    )
    logger(P.add_log_level, P.TimeStamper(fmt="iso", key="ts"), P.EventRenamer("msg")).warning(
        "with other names, expect warning"
    )
    logger(P.add_log_level).warning("no time, expect warning timeless")
    structlog.stdlib.recreate_defaults()
    stdlib = structlog.wrap_logger(
        structlog.PrintLogger(sys.stdout),
        processors=[structlog.stdlib.add_log_level_number, P.add_log_level, P.TimeStamper(fmt="iso"), P.JSONRenderer()],
    )
    stdlib.error("with the level's number, expect error")


main()
