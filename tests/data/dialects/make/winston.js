// Writes winston's sample lines to stdout. What each line must become stands at the end of its message.
const winston = require("winston")
const { combine, timestamp, json, errors, logstash, splat, label, ms, metadata } = winston.format
const logger = (format, levels) =>
  winston.createLogger({
    levels: levels || winston.config.npm.levels,
    level: Object.keys(levels || winston.config.npm.levels).pop(),
    format,
    transports: [new winston.transports.Console({ stderrLevels: [] })],
  })
const stamped = combine(errors({ stack: true }), timestamp(), splat(), json())

const plain = logger(stamped)
plain.error("the upload failed, expect error", { status: 502 })
plain.warn("the upload is slow, expect warning")
plain.info("the playlist was loaded, expect info")
plain.http("GET /nowplaying, expect info")
plain.verbose("a detail, expect debug")
plain.debug("a step, expect debug")
plain.silly("a word, expect debug")
plain.warn("%d covers are missing, expect warning", 3)
plain.error(new Error("reading the title failed, expect error trace"))
plain.child({ module: "covers" }).warn("the cover is missing, expect warning")
plain.info("expect metric", { event: "metric", metric_name: "listeners", metric_value: 41 })

const syslog = logger(stamped, winston.config.syslog.levels)
syslog.emerg("the studio burns, expect critical")
syslog.alert("no source is left, expect critical")
syslog.crit("the encoder is gone, expect critical")
syslog.error("the upload failed, expect error")
syslog.warning("the upload is slow, expect warning")
syslog.notice("a new show, expect info")
syslog.info("the playlist was loaded, expect info")
syslog.debug("a step, expect debug")

logger(combine(timestamp({ format: "YYYY-MM-DD HH:mm:ss" }), json())).warn("a time without a zone, expect warning zoneless")
logger(combine(timestamp({ format: "YYYY-MM-DD HH:mm:ss.SSS ZZ" }), json())).warn("a time with an offset, expect warning")
logger(combine(timestamp({ alias: "@timestamp" }), json())).warn("a time twice, expect warning")
logger(json()).warn("no time, expect warning timeless")
logger(combine(label({ label: "covers" }), ms(), timestamp(), json())).warn("with a label, expect warning")
logger(combine(timestamp(), logstash())).error("as logstash wants it, expect error", { status: 502 })
logger(combine(timestamp(), metadata(), json())).error("all in metadata, expect error", { status: 502 })
