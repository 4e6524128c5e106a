-- Facts for alerts, all about the present: nothing here looks further back than a week, or at a metric older than minutes.
-- Starts, stalls and speeds whose time is only estimated raise nothing: an old log that is copied here would look new.

-- name: take_turn
SELECT pg_try_advisory_xact_lock(7240151803605)

-- name: stations
SELECT s.station, s.maintenance_until IS NOT NULL AS maintained, s.last_sign_at, s.encoder_progress_at IS NOT NULL AS encoder_known,
       b.restarts, b.first_restart_at, l.cause, v.speed, v.samples, t.stalled_at
FROM station_signs s
LEFT JOIN LATERAL (
    SELECT count(*) AS restarts, min(x.started_at) AS first_restart_at FROM stream_sessions x
    WHERE x.station = s.station AND x.started_at > now() - interval '10 minutes'
      AND x.time_quality IN ('exact', 'zoneless', 'arrival')) b ON true
LEFT JOIN LATERAL (
    SELECT x.cause FROM stream_sessions x WHERE x.station = s.station AND x.ended_at > now() - interval '1 day'
    ORDER BY x.ended_at DESC LIMIT 1) l ON true
LEFT JOIN LATERAL (
    SELECT avg(x.metric_value)::double precision AS speed, count(*) AS samples FROM system_metrics x
    WHERE x.timestamp > now() - interval '2 minutes' AND x.timestamp <= now() AND x.station = s.station
      AND x.metric_name = 'ffmpeg_current_speed' AND x.time_quality IN ('exact', 'zoneless', 'arrival')) v ON true
LEFT JOIN LATERAL (
    SELECT CASE WHEN x.context ->> 'stall_seconds' IS NULL THEN x.timestamp END AS stalled_at FROM error_log x
    WHERE x.timestamp > now() - interval '1 hour' AND x.station = s.station AND x.category = 'stall'
      AND x.time_quality IN ('exact', 'zoneless', 'arrival')
    ORDER BY x.timestamp DESC, x.line_offset DESC LIMIT 1) t ON true
ORDER BY s.station

-- Another daemon that died explains a silence: its files may tell of a station that is on air.
-- name: ingest
SELECT (SELECT count(*) FROM ingest_files WHERE owner = %(instance)s AND state = 'suspended') AS suspended,
       (SELECT min(path) FROM ingest_files WHERE owner = %(instance)s AND state = 'suspended') AS suspended_path,
       EXISTS (SELECT FROM ingest_instances WHERE stopped_at IS NULL AND instance <> %(instance)s
               AND heartbeat_at < now() - interval '1 minute' AND heartbeat_at > now() - interval '1 day') AS others_silent

-- name: known
SELECT station, alert, state, since, (detail ->> 'phase_at')::timestamptz AS phase_at FROM alert_state

-- name: keep
INSERT INTO alert_state (station, alert, state, since, updated_at, detail)
VALUES (%(station)s, %(alert)s, %(state)s, %(since)s, %(now)s, %(detail)s)
ON CONFLICT (station, alert) DO UPDATE
SET state = excluded.state, since = excluded.since, updated_at = excluded.updated_at, detail = excluded.detail

-- name: tell
INSERT INTO notification_outbox (dedupe_key, station, kind, payload)
VALUES (%(dedupe_key)s, %(station)s, %(kind)s, %(payload)s) ON CONFLICT (dedupe_key) DO NOTHING
