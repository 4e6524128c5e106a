-- Rows one by one, and the present. Parameters: station (NULL: all), from_time, to_time, and what a query names besides.

-- Plays that began in the window, newest first. artist_key, title_key: folded as track_key is (NULL: any); limit.
-- name: plays
SELECT id, station, artist, title, coalesce(album, '') AS album, started_at, ended_at,
       least(coalesce(duration_seconds, 0), 1e15)::float8 AS duration_seconds,
       least(coalesce(expected_duration_seconds, 0), 1e15)::float8 AS expected_duration_seconds,
       coalesce(ended_by, '') AS ended_by, had_errors, error_count, coalesce(error_message, '') AS error_message
FROM play_history
WHERE started_at >= %(from_time)s AND started_at < %(to_time)s AND (%(station)s::text IS NULL OR station = %(station)s)
  AND (%(artist_key)s::text IS NULL OR starts_with(track_key, %(artist_key)s || ' - '))
  AND (%(title_key)s::text IS NULL OR right(track_key, length(' - ' || %(title_key)s)) = ' - ' || %(title_key)s)
ORDER BY started_at DESC, id DESC
LIMIT %(limit)s

-- Single messages, newest first. Parameters: severities (those that are wanted), only_open, limit.
-- name: messages
SELECT id, timestamp, station, service, severity, message, coalesce(template, '') AS template,
       coalesce(category, '') AS category, occurrences, resolved, resolved_at, coalesce(play_history_id, 0) AS play_history_id
FROM error_log
WHERE timestamp >= %(from_time)s AND timestamp < %(to_time)s AND NOT noise AND severity = ANY (%(severities)s)
  AND (%(station)s::text IS NULL OR station = %(station)s) AND NOT (%(only_open)s AND resolved)
ORDER BY timestamp DESC, id DESC
LIMIT %(limit)s

-- Of each kind, as `templates` in errors.sql groups them: how often it was said without having been resolved since.
-- name: open_by_kind
SELECT service, coalesce(nullif(template, ''), message) AS template, sum(occurrences)::bigint AS open_count
FROM error_log
WHERE timestamp >= %(from_time)s AND timestamp < %(to_time)s AND NOT noise AND NOT resolved AND severity <> 'info'
  AND (%(station)s::text IS NULL OR station = %(station)s)
GROUP BY 1, 2

-- Each station as it is now. known: some daemon of this database gave a sign within the last minute.
-- name: present
SELECT s.station, s.time_zone, coalesce(p.artist, '') AS artist, coalesce(p.title, '') AS title, p.started_at,
       least(coalesce(p.expected_duration_seconds, 0), 1e15)::float8 AS expected_duration_seconds,
       s.encoder_progress_at, s.last_sign_at, least(greatest(coalesce(v.speed, 0), -1e15), 1e15)::float8 AS encoder_speed,
       coalesce(x.errors, 0)::bigint AS errors_last_hour, s.maintenance_until,
       EXISTS (SELECT FROM ingest_instances WHERE stopped_at IS NULL AND heartbeat_at > now() - interval '1 minute') AS known
FROM station_signs s
LEFT JOIN current_playing p ON p.station = s.station
LEFT JOIN LATERAL (
    SELECT avg(metric_value) AS speed FROM system_metrics
    WHERE timestamp > now() - interval '2 minutes' AND timestamp <= now() AND station = s.station
      AND metric_name = 'ffmpeg_current_speed') v ON true
LEFT JOIN LATERAL (
    SELECT sum(occurrences) AS errors FROM error_log
    WHERE timestamp > now() - interval '1 hour' AND timestamp <= now() AND station = s.station AND NOT noise
      AND severity IN ('error', 'critical')) x ON true
WHERE %(station)s::text IS NULL OR s.station = %(station)s
ORDER BY s.station
