"""Writes loguru's sample lines to stdout. What each line must become stands at the end of its message."""

import sys

from loguru import logger


def main() -> None:
    logger.remove()
    logger.add(sys.stdout, serialize=True, level=0)
    logger.trace("a step, expect debug")
    logger.debug("a detail, expect debug")
    logger.info("the playlist was loaded, expect info")
    logger.success("the upload is done, expect info")
    logger.warning("the upload is slow by {} s, expect warning", 3.5)
    logger.error("the upload failed, expect error")
    logger.critical("no source is left, expect critical")
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        logger.exception("dividing failed, expect error trace")
    logger.bind(module="covers", status=404).warning("the cover is missing, expect warning")
    logger.level("TRACK", no=25)
    logger.log("TRACK", "a level of our own, expect info")
    logger.level("OUTAGE", no=45)
    logger.log("OUTAGE", "another level of our own, expect error")
    logger.bind(event="metric", metric_name="listeners", metric_value=41).info("expect metric")


main()
