-- The rows of exports with their own types, for Parquet: the columns of export.sql in the same order. Text is as it was
-- logged (no spreadsheet runs a Parquet file), JSON is text. Parameters: station (NULL: all), from_time, to_time.

-- name: play_history
SELECT id, station, artist, title, album, azuracast_song_id, loop_file_path, started_at, ended_at, duration_seconds,
       expected_duration_seconds, ended_by, had_errors, error_count, error_message, ffmpeg_pid, play_id, service, host,
       time_quality, track_key, metadata::text AS metadata
FROM play_history
WHERE started_at >= %(from_time)s AND started_at < %(to_time)s AND (%(station)s::text IS NULL OR station = %(station)s)
ORDER BY started_at, id

-- name: error_log
SELECT id, station, timestamp, service, severity, message, occurrences, category, template, noise, resolved, resolved_at,
       play_history_id, stack_trace, host, time_quality, context::text AS context
FROM error_log
WHERE timestamp >= %(from_time)s AND timestamp < %(to_time)s AND (%(station)s::text IS NULL OR station = %(station)s)
ORDER BY timestamp, id

-- A value that no double holds becomes the nearest one that it does.
-- name: system_metrics
SELECT id, station, timestamp, metric_name,
       CASE WHEN abs(metric_value) < 1e-300 THEN 0 ELSE least(greatest(metric_value, -1e300), 1e300) END::float8 AS metric_value,
       unit, service, host, time_quality, metadata::text AS metadata
FROM system_metrics
WHERE timestamp >= %(from_time)s AND timestamp < %(to_time)s AND (%(station)s::text IS NULL OR station = %(station)s)
ORDER BY timestamp, id
