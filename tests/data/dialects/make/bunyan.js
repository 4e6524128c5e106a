// Writes bunyan's sample lines to stdout. What each line must become stands at the end of its message.
const bunyan = require("bunyan")
const log = bunyan.createLogger({ name: "player", level: "trace", serializers: bunyan.stdSerializers })
log.trace("a step, expect debug")
log.debug({ step: 2 }, "a detail, expect debug")
log.info("the playlist was loaded, expect info")
log.warn({ delay: 3.5 }, "the upload is slow, expect warning")
log.error({ status: 502 }, "the upload failed, expect error")
log.fatal("no source is left, expect critical")
try {
  null.title
} catch (error) {
  log.error(error, "reading the title failed, expect error trace")
  log.error({ err: error }, "reading the title failed again, expect error trace")
}
log.child({ component: "covers" }).warn("the cover is missing, expect warning")
log.info({ event: "metric", metric_name: "listeners", metric_value: 41 }, "expect metric")
bunyan.createLogger({ name: "player", src: true }).warn("with its place in the source, expect warning")
