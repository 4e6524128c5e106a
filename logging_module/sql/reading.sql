-- What RadioLogger asks the database. Parameters are psycopg2's, by name.

-- name: recent_plays
SELECT id, station, artist, title, album, started_at, ended_at, duration_seconds, had_errors, error_count, play_id
FROM play_history WHERE station = %(station)s
ORDER BY started_at DESC, id DESC LIMIT %(limit)s

-- name: current_playing
SELECT id, station, artist, title, album, started_at, expected_duration_seconds, loop_file_path, ffmpeg_pid, play_id
FROM current_playing WHERE station = %(station)s
