-- The present of stations and queues for `radiolog metrics`: nothing here looks further back than a week, or at a metric older
-- than minutes.

-- encoder_speed: how fast it went in the last two minutes; 1 is real time.
-- name: stations
SELECT s.station, extract(epoch FROM s.last_sign_at)::float8 AS sign_at,
       extract(epoch FROM s.play_started_at)::float8 AS play_started_at, b.starts,
       least(greatest(v.speed, -1e15), 1e15)::float8 AS encoder_speed, s.maintenance_until IS NOT NULL AS is_maintained
FROM station_signs s
LEFT JOIN LATERAL (
    SELECT count(*) AS starts FROM stream_sessions x
    WHERE x.station = s.station AND x.started_at > now() - interval '1 hour') b ON true
LEFT JOIN LATERAL (
    SELECT avg(x.metric_value) AS speed FROM system_metrics x
    WHERE x.timestamp > now() - interval '2 minutes' AND x.timestamp <= now() AND x.station = s.station
      AND x.metric_name = 'ffmpeg_current_speed') v ON true
ORDER BY s.station

-- name: queues
SELECT (SELECT count(*) FROM derive_queue) AS derive, (SELECT count(*) FROM rollup_queue) AS rollup,
       (SELECT count(*) FROM notification_outbox WHERE state = 'pending') AS notifications,
       (SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL) AS dead_letters,
       (SELECT coalesce(sum(to_offset - from_offset), 0)::bigint FROM ingest_losses) AS lost_bytes

-- What the checkpoints that retention removed had counted.
-- name: forgotten
SELECT service, stored, folded, below_threshold, blank, duplicate, committed_offset
FROM ingest_forgotten WHERE machine = %(machine)s
