"""Writes python-json-logger's sample lines to stdout. What each line must become stands at the end of its message."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter


def logger(formatter: logging.Formatter) -> logging.Logger:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    made = logging.Logger("radio.player")  # noqa: LOG001 (one with one handler)
    made.addHandler(handler)
    return made


def main() -> None:
    log = logger(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(process)d %(message)s"))
    log.debug("a step, expect debug zoneless")
    log.info("the playlist was loaded, expect info zoneless")
    log.warning("the upload is slow, expect warning zoneless", extra={"delay": 3.5})
    log.error("the upload failed, expect error zoneless", extra={"status": 502})
    log.critical("no source is left, expect critical zoneless")
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        log.exception("dividing failed, expect error trace zoneless")
    log.warning("with its stack, expect warning zoneless", stack_info=True)
    log.info("metric", extra={"event": "metric", "metric_name": "listeners", "metric_value": 41})
    logger(JsonFormatter("%(levelname)s %(message)s", timestamp=True)).warning("a time in UTC, expect warning")
    logger(JsonFormatter("%(created)f %(levelno)d %(message)s")).warning("only numbers, expect warning")
    logger(JsonFormatter("%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z")).error(
        "with an offset, expect error"
    )
    renamed = {"levelname": "severity", "asctime": "ts", "name": "logger"}
    logger(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", rename_fields=renamed)).error(
        "with other names, expect error zoneless"
    )
    logger(JsonFormatter("{asctime}{levelname}{message}", style="{", static_fields={"service": "player"})).warning(
        "with a field for all, expect warning zoneless"
    )


main()
