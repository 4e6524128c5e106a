-- The present of stations and queues for `radiolog metrics`: nothing here looks further back than a week, or at a metric older
-- than minutes.

-- sign_at: the last progress of the encoder, if there was one this week; else the moment up to which its last play is
-- believed in. encoder_speed: how fast it went in the last two minutes; 1 is real time.
-- name: stations
SELECT s.name AS station, extract(epoch FROM coalesce(e.progress_at, p.believed_until))::float8 AS sign_at,
       extract(epoch FROM p.started_at)::float8 AS play_started_at, b.starts,
       least(greatest(v.speed, -1e15), 1e15)::float8 AS encoder_speed,
       EXISTS (SELECT FROM maintenance_windows m WHERE m.station = s.name AND now() >= m.from_time AND now() < m.to_time) AS is_maintained
FROM stations s
LEFT JOIN LATERAL (
    SELECT max(x.last_progress_at) AS progress_at FROM stream_sessions x
    WHERE x.station = s.name AND x.last_progress_at > now() - interval '7 days') e ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS starts FROM stream_sessions x
    WHERE x.station = s.name AND x.started_at > now() - interval '1 hour') b ON true
LEFT JOIN LATERAL (
    SELECT x.started_at,
           coalesce(x.ended_at, x.started_at + make_interval(secs => least(coalesce(x.expected_duration_seconds, 900), 1e6) + 60)) AS believed_until
    FROM play_history x WHERE x.station = s.name AND x.started_at <= now() + interval '2 minutes' AND x.time_quality <> 'unknown'
    ORDER BY x.started_at DESC, x.id DESC LIMIT 1) p ON true
LEFT JOIN LATERAL (
    SELECT avg(x.metric_value) AS speed FROM system_metrics x
    WHERE x.timestamp > now() - interval '2 minutes' AND x.timestamp <= now() AND x.station = s.name
      AND x.metric_name = 'ffmpeg_current_speed') v ON true
ORDER BY s.name

-- name: queues
SELECT (SELECT count(*) FROM derive_queue) AS derive, (SELECT count(*) FROM rollup_queue) AS rollup,
       (SELECT count(*) FROM notification_outbox WHERE state = 'pending') AS notifications,
       (SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL) AS dead_letters,
       (SELECT coalesce(sum(to_offset - from_offset), 0)::bigint FROM ingest_losses) AS lost_bytes

-- What the checkpoints that retention removed had counted.
-- name: forgotten
SELECT service, stored, folded, below_threshold, blank, duplicate, committed_offset
FROM ingest_forgotten WHERE machine = %(machine)s
