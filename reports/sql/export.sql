-- The rows of exports, in the order of the columns of the files: append columns only at the end.
-- export_text and export_time are functions of schema.sql. Parameters: station (NULL: all), from_time, to_time.

-- name: play_history
SELECT id, export_text(station) AS station, export_text(artist) AS artist, export_text(title) AS title,
       export_text(album) AS album, export_text(azuracast_song_id) AS azuracast_song_id,
       export_text(loop_file_path) AS loop_file_path, export_time(started_at) AS started_at, export_time(ended_at) AS ended_at,
       duration_seconds, expected_duration_seconds, ended_by, had_errors::text AS had_errors, error_count,
       export_text(error_message) AS error_message, ffmpeg_pid, export_text(play_id) AS play_id,
       export_text(service) AS service, export_text(host) AS host, time_quality, export_text(track_key) AS track_key, metadata
FROM play_history
WHERE started_at >= %(from_time)s AND started_at < %(to_time)s AND (%(station)s::text IS NULL OR station = %(station)s)
ORDER BY started_at, id

-- name: error_log
SELECT id, export_text(station) AS station, export_time(timestamp) AS timestamp, export_text(service) AS service, severity,
       export_text(message) AS message, occurrences, export_text(category) AS category, export_text(template) AS template,
       noise::text AS noise, resolved::text AS resolved, export_time(resolved_at) AS resolved_at, play_history_id, export_text(stack_trace) AS stack_trace,
       export_text(host) AS host, time_quality, context
FROM error_log
WHERE timestamp >= %(from_time)s AND timestamp < %(to_time)s AND (%(station)s::text IS NULL OR station = %(station)s)
ORDER BY timestamp, id

-- name: system_metrics
SELECT id, export_text(station) AS station, export_time(timestamp) AS timestamp, export_text(metric_name) AS metric_name,
       metric_value, export_text(unit) AS unit, export_text(service) AS service, export_text(host) AS host, time_quality, metadata
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
