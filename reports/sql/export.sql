-- The rows of exports, in the order of the columns of the files: append columns only at the end. Text is defused on its way
-- (reports/csv_stream.py); export_time is a function of schema.sql. Parameters: station (NULL: all), from_time, to_time.

-- name: play_history
SELECT id, station, artist, title,
       album, azuracast_song_id,
       loop_file_path, export_time(started_at) AS started_at, export_time(ended_at) AS ended_at,
       duration_seconds, expected_duration_seconds, ended_by, had_errors::text AS had_errors, error_count,
       error_message, ffmpeg_pid, play_id,
       service, host, time_quality, track_key, metadata
FROM play_history
WHERE started_at >= %(from_time)s AND started_at < %(to_time)s AND (%(station)s::text IS NULL OR station = %(station)s)
ORDER BY started_at, id

-- name: error_log
SELECT id, station, export_time(timestamp) AS timestamp, service, severity,
       message, occurrences, category, template,
       noise::text AS noise, resolved::text AS resolved, export_time(resolved_at) AS resolved_at, play_history_id, stack_trace,
       host, time_quality, context
FROM error_log
WHERE timestamp >= %(from_time)s AND timestamp < %(to_time)s AND (%(station)s::text IS NULL OR station = %(station)s)
ORDER BY timestamp, id

-- name: system_metrics
SELECT id, station, export_time(timestamp) AS timestamp, metric_name,
       metric_value, unit, service, host, time_quality, metadata
FROM system_metrics
WHERE timestamp >= %(from_time)s AND timestamp < %(to_time)s AND (%(station)s::text IS NULL OR station = %(station)s)
ORDER BY timestamp, id

-- How many rows there will be, for progress.
-- name: count_play_history
SELECT count(*) AS rows FROM play_history
WHERE started_at >= %(from_time)s AND started_at < %(to_time)s AND (%(station)s::text IS NULL OR station = %(station)s)

-- name: count_error_log
SELECT count(*) AS rows FROM error_log
WHERE timestamp >= %(from_time)s AND timestamp < %(to_time)s AND (%(station)s::text IS NULL OR station = %(station)s)

-- name: count_system_metrics
SELECT coalesce(sum(sample_count), 0)::bigint AS rows FROM get_metric_rollups(%(station)s, NULL, %(from_time)s, %(to_time)s)
