-- What the demo's view shows.

-- name: playing
SELECT artist, title, extract(epoch FROM now() - started_at)::int FROM current_playing ORDER BY started_at DESC LIMIT 1

-- name: counts
SELECT (SELECT count(*) FROM play_history), (SELECT count(*) FROM system_metrics),
       (SELECT coalesce(sum(occurrences), 0) FROM error_log WHERE NOT noise),
       (SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL),
       (SELECT coalesce(sum(lines), 0)::bigint FROM ingest_files)

-- name: encoder
SELECT end_kind, frames, fps, speed_average, out_time_seconds FROM stream_sessions ORDER BY id DESC LIMIT 1

-- name: latest_errors
SELECT timestamp, service, severity, message FROM error_log WHERE NOT noise ORDER BY timestamp DESC, id DESC LIMIT 5

-- name: drop_demo
DROP DATABASE IF EXISTS radiolog_demo WITH (FORCE)

-- name: create_demo
CREATE DATABASE radiolog_demo
