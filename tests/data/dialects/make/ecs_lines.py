"""Writes ecs-logging's sample lines to stdout. What each line must become stands at the end of its message."""

import logging
import sys

import ecs_logging


def main() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(ecs_logging.StdlibFormatter())
    log = logging.Logger("radio.player")  # noqa: LOG001 (one with one handler)
    log.addHandler(handler)
    log.debug("a step, expect debug")
    log.info("the playlist was loaded, expect info")
    log.warning("the upload is slow, expect warning", extra={"http.response.status_code": 502})
    log.error("the upload failed, expect error")
    log.critical("no source is left, expect critical")
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        log.exception("dividing failed, expect error trace")


main()
