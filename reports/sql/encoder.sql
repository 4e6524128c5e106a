-- The encoder: FFmpeg's sessions and its sampled statistics. Parameters: station (NULL: all), from_time, to_time, zone.

-- Sessions that ran in the window. Progress totals are the sessions' whole, also of one that straddles the window.
-- name: sessions
SELECT count(*) AS sessions,
       count(*) FILTER (WHERE end_kind = 'failed') AS failed, count(*) FILTER (WHERE end_kind = 'killed') AS killed,
       count(*) FILTER (WHERE end_kind = 'running') AS running,
       coalesce(sum(drop_frames), 0)::bigint AS drop_frames, coalesce(sum(dup_frames), 0)::bigint AS dup_frames,
       coalesce(sum(frames), 0)::bigint AS frames,
       coalesce(sum(speed_average * out_time_seconds) / nullif(sum(out_time_seconds) FILTER (WHERE speed_average IS NOT NULL), 0), 0)::float8
           AS speed_average,
       coalesce(min(speed_worst), 0)::float8 AS speed_worst,
       coalesce(sum(out_time_seconds), 0)::float8 AS out_time_seconds
FROM stream_sessions
WHERE coalesce(started_at, first_progress_at) < %(to_time)s
  AND coalesce(ended_at, last_progress_at, started_at) >= %(from_time)s
  AND (%(station)s::text IS NULL OR station = %(station)s)

-- Statistics over the window. `least` and `greatest` reach between the samples.
-- name: statistics
SELECT metric_name, max(unit) AS unit, count(*) AS samples, avg(metric_value)::float8 AS average,
       (percentile_cont(0.5) WITHIN GROUP (ORDER BY metric_value))::float8 AS median,
       (percentile_cont(0.05) WITHIN GROUP (ORDER BY metric_value))::float8 AS low,
       (percentile_cont(0.95) WITHIN GROUP (ORDER BY metric_value))::float8 AS high,
       min(least(metric_value, (CASE WHEN jsonb_typeof(metadata -> 'min') = 'number' THEN metadata ->> 'min' END)::numeric))::float8 AS least,
       max(greatest(metric_value, (CASE WHEN jsonb_typeof(metadata -> 'max') = 'number' THEN metadata ->> 'max' END)::numeric))::float8 AS greatest
FROM system_metrics
WHERE timestamp >= %(from_time)s AND timestamp < %(to_time)s AND metric_name = ANY(%(metrics)s)
  AND (%(station)s::text IS NULL OR station = %(station)s)
GROUP BY metric_name
ORDER BY metric_name

-- Averages by local day of one metric. Parameter: metrics.
-- name: daily_statistics
SELECT metric_name, (timestamp AT TIME ZONE %(zone)s)::date AS day, avg(metric_value)::float8 AS average
FROM system_metrics
WHERE timestamp >= %(from_time)s AND timestamp < %(to_time)s AND metric_name = ANY(%(metrics)s)
  AND (%(station)s::text IS NULL OR station = %(station)s)
GROUP BY metric_name, day
ORDER BY metric_name, day
