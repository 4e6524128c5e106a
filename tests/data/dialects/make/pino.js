// Writes pino's sample lines to stdout. What each line must become stands at the end of its message.
const pino = require("pino")
const out = pino.destination({ dest: 1, sync: true })
const failure = () => {
  try {
    null.title
  } catch (error) {
    return error
  }
}

function everyLevel(log) {
  log.trace("a step, expect debug")
  log.debug({ step: 2 }, "a detail, expect debug")
  log.info("the playlist was loaded, expect info")
  log.warn({ delay: 3.5 }, "the upload is slow, expect warning")
  log.error({ status: 502 }, "the upload failed, expect error")
  log.fatal("no source is left, expect critical")
}

const plain = pino({ name: "player", level: "trace" }, out)
everyLevel(plain)
plain.error(failure(), "reading the title failed, expect error trace")
plain.error({ err: failure() }, "reading the title failed again, expect error trace")
plain.child({ module: "covers", track: { id: 7 } }).warn("the cover is missing, expect warning")
plain.info({ event: "metric", metric_name: "listeners", metric_value: 41 }, "expect metric")
plain.info({ event: "track_started", artist: "Odalys Venn", title: "Night Desk", duration: 213.4 }, "expect track_started")

for (const timestamp of [pino.stdTimeFunctions.isoTime, pino.stdTimeFunctions.epochTime, pino.stdTimeFunctions.unixTime]) {
  pino({ timestamp }, out).warn("another form of time, expect warning")
}
pino({ timestamp: () => `,"timestamp":"${new Date().toISOString()}"` }, out).warn("a time of its own name, expect warning")
pino({ timestamp: false }, out).warn("no time, expect warning timeless")
const named = pino({ level: "trace", messageKey: "message", errorKey: "error",
                     formatters: { level: (label) => ({ level: label }), bindings: () => ({}) } }, out)
everyLevel(named)
named.error(failure(), "with other keys, expect error trace")
pino({ customLevels: { notice: 35 } }, out).notice("between info and warning, expect info")
