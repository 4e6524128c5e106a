-- Facts for alerts, all about the present: nothing here looks further back than a week, or at a metric older than minutes.
-- Starts, stalls and speeds whose time is only estimated raise nothing: an old log that is copied here would look new.

-- name: take_turn
SELECT pg_try_advisory_xact_lock(7240151803605)

-- encoder_sign_at: the last progress of any session, if there was one this week; then it decides. playing_until: else
-- the last play, as far as it is believed in.
-- name: stations
SELECT s.name AS station,
       EXISTS (SELECT FROM maintenance_windows m WHERE m.station = s.name AND now() >= m.from_time AND now() < m.to_time) AS maintained,
       e.sign_at AS encoder_sign_at, b.restarts, b.first_restart_at, l.cause, p.playing_until, v.speed, v.samples, t.stalled_at
FROM stations s
LEFT JOIN LATERAL (
    SELECT max(x.last_progress_at) AS sign_at FROM stream_sessions x
    WHERE x.station = s.name AND x.last_progress_at > now() - interval '7 days') e ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS restarts, min(x.started_at) AS first_restart_at FROM stream_sessions x
    WHERE x.station = s.name AND x.started_at > now() - interval '10 minutes'
      AND x.time_quality IN ('exact', 'zoneless', 'arrival')) b ON true
LEFT JOIN LATERAL (
    SELECT x.cause FROM stream_sessions x WHERE x.station = s.name AND x.ended_at > now() - interval '1 day'
    ORDER BY x.ended_at DESC LIMIT 1) l ON true
LEFT JOIN LATERAL (
    SELECT coalesce(x.ended_at, x.started_at + make_interval(secs => coalesce(x.expected_duration_seconds, 900) + 60)) AS playing_until
    FROM play_history x WHERE x.station = s.name AND x.started_at <= now() + interval '2 minutes' AND x.time_quality <> 'unknown'
    ORDER BY x.started_at DESC, x.id DESC LIMIT 1) p ON true
LEFT JOIN LATERAL (
    SELECT avg(x.metric_value)::double precision AS speed, count(*) AS samples FROM system_metrics x
    WHERE x.timestamp > now() - interval '2 minutes' AND x.timestamp <= now() AND x.station = s.name
      AND x.metric_name = 'ffmpeg_current_speed' AND x.time_quality IN ('exact', 'zoneless', 'arrival')) v ON true
LEFT JOIN LATERAL (
    SELECT CASE WHEN x.context ->> 'stall_seconds' IS NULL THEN x.timestamp END AS stalled_at FROM error_log x
    WHERE x.timestamp > now() - interval '1 hour' AND x.station = s.name AND x.category = 'stall'
      AND x.time_quality IN ('exact', 'zoneless', 'arrival')
    ORDER BY x.timestamp DESC, x.line_offset DESC LIMIT 1) t ON true
ORDER BY s.name

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
