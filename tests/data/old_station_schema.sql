-- A station's database as it was before radiolog: SERIAL ids, TIMESTAMP without zone, no station. Filled.
CREATE TABLE play_history (
    id SERIAL PRIMARY KEY, track_key VARCHAR(512) NOT NULL, artist VARCHAR(256), title VARCHAR(256), album VARCHAR(256),
    azuracast_song_id VARCHAR(128), loop_file_path VARCHAR(1024), started_at TIMESTAMP NOT NULL DEFAULT now(),
    ended_at TIMESTAMP, duration_seconds INTEGER, expected_duration_seconds INTEGER, ffmpeg_pid INTEGER,
    had_errors BOOLEAN DEFAULT false, error_message TEXT, error_count INTEGER DEFAULT 0, metadata JSONB, mood TEXT
);
CREATE INDEX idx_play_history_started ON play_history (started_at DESC);
CREATE TABLE error_log (
    id SERIAL PRIMARY KEY, timestamp TIMESTAMP NOT NULL DEFAULT now(), service VARCHAR(64) NOT NULL,
    severity VARCHAR(16) NOT NULL, message TEXT NOT NULL, context JSONB, stack_trace TEXT, resolved BOOLEAN DEFAULT false,
    resolved_at TIMESTAMP, play_history_id INTEGER REFERENCES play_history (id)
);
CREATE TABLE system_metrics (
    id SERIAL PRIMARY KEY, timestamp TIMESTAMP NOT NULL DEFAULT now(), metric_name VARCHAR(128) NOT NULL,
    metric_value NUMERIC, unit VARCHAR(32), service VARCHAR(64), metadata JSONB
);
CREATE VIEW recent_plays AS SELECT * FROM play_history ORDER BY started_at DESC LIMIT 100;
CREATE VIEW current_playing AS SELECT * FROM play_history WHERE ended_at IS NULL ORDER BY started_at DESC LIMIT 1;
CREATE FUNCTION get_play_stats(start_date TIMESTAMP, end_date TIMESTAMP) RETURNS TABLE (total_plays BIGINT)
LANGUAGE sql AS $$ SELECT count(*) FROM play_history WHERE started_at BETWEEN start_date AND end_date $$;

INSERT INTO play_history (track_key, artist, title, azuracast_song_id, ffmpeg_pid, started_at, ended_at, duration_seconds,
                          had_errors, error_message, error_count, metadata, mood)
SELECT 'Nina Simone - Sinnerman', CASE WHEN n % 7 <> 0 THEN 'Nina  Simone' END, 'Sinnerman', 'song' || n % 40, 1000 + n,
       timestamp '2026-07-01 12:00' + (n - 1) * interval '1 day' * 137.0 / 499 + CASE WHEN n = 500 THEN interval '20 minutes' ELSE '0' END,
       CASE WHEN n % 50 <> 0 THEN timestamp '2026-07-01 12:05' + (n - 1) * interval '1 day' * 137.0 / 499 END,
       CASE WHEN n % 50 <> 0 THEN 300 END, n % 5 = 0, CASE WHEN n % 5 = 0 THEN 'frames dropped' END,
       CASE WHEN n % 5 = 0 THEN 4 ELSE 0 END, '{"playlist": "night"}', CASE WHEN n = 2 THEN 'calm' END
FROM generate_series(1, 500) n;
INSERT INTO error_log (timestamp, service, severity, message, context, resolved, play_history_id)
SELECT timestamp '2026-06-01 12:01' + n * interval '1 hour', 'encoder', (ARRAY['ERROR', 'warning', 'fatal'])[1 + n % 3],
       'message ' || n, '{"n": 1}', n % 2 = 0, CASE WHEN n % 15 = 0 THEN n END
FROM generate_series(1, 300) n;
INSERT INTO system_metrics (timestamp, metric_name, metric_value, unit, service)
SELECT timestamp '2026-07-01 12:00' + n * interval '1 hour', 'cpu_percent', n * 0.01, 'percent', 'watcher'
FROM generate_series(1, 1000) n;
