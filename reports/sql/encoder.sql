-- The encoder: FFmpeg's sessions and its sampled statistics. Parameters: station (NULL: all), from_time, to_time, zone.
-- Numbers are brought within bounds before they are summed or leave as float8 (see plays.sql).

-- Sessions that ran in the window. Progress totals are the sessions' whole, also of one that straddles the window.
-- name: sessions
SELECT count(*) AS sessions,
       count(*) FILTER (WHERE end_kind = 'failed') AS failed, count(*) FILTER (WHERE end_kind = 'killed') AS killed,
       count(*) FILTER (WHERE end_kind = 'running') AS running,
       least(coalesce(sum(drop_frames), 0), 1e15)::bigint AS drop_frames, least(coalesce(sum(dup_frames), 0), 1e15)::bigint AS dup_frames,
       least(coalesce(sum(frames), 0), 1e15)::bigint AS frames,
       coalesce(sum(average * seconds) / nullif(sum(seconds) FILTER (WHERE average IS NOT NULL), 0), 0)::float8 AS speed_average,
       coalesce(min(worst), 0)::float8 AS speed_worst,
       coalesce(sum(seconds), 0)::float8 AS out_time_seconds
FROM (
    SELECT end_kind, drop_frames, dup_frames, frames, CASE WHEN speed_average IS NOT NULL THEN least(greatest(speed_average, 0), 1e15) END AS average,
           CASE WHEN speed_worst IS NOT NULL THEN least(greatest(speed_worst, 0), 1e15) END AS worst,
           CASE WHEN out_time_seconds IS NOT NULL THEN least(greatest(out_time_seconds, 0), 1e15) END AS seconds
    FROM stream_sessions
    WHERE coalesce(started_at, first_progress_at) < %(to_time)s
      AND coalesce(ended_at, last_progress_at, started_at) >= %(from_time)s
      AND (%(station)s::text IS NULL OR station = %(station)s)
) s

-- Statistics over the window. `least` and `greatest` reach between the samples.
-- name: statistics
SELECT metric_name, max(unit) AS unit, count(*) AS samples, avg(value)::float8 AS average,
       (percentile_cont(0.5) WITHIN GROUP (ORDER BY value))::float8 AS median,
       (percentile_cont(0.05) WITHIN GROUP (ORDER BY value))::float8 AS low,
       (percentile_cont(0.95) WITHIN GROUP (ORDER BY value))::float8 AS high,
       greatest(min(least(value, low)), -1e15)::float8 AS least, least(max(greatest(value, high)), 1e15)::float8 AS greatest
FROM (
    SELECT metric_name, unit, round(least(greatest(metric_value, -1e15), 1e15), 6) AS value,
           round((CASE WHEN jsonb_typeof(metadata -> 'min') = 'number' THEN metadata ->> 'min' END)::numeric, 6) AS low,
           round((CASE WHEN jsonb_typeof(metadata -> 'max') = 'number' THEN metadata ->> 'max' END)::numeric, 6) AS high
    FROM system_metrics
    WHERE timestamp >= %(from_time)s AND timestamp < %(to_time)s AND metric_name = ANY(%(metrics)s)
      AND (%(station)s::text IS NULL OR station = %(station)s)
) m
GROUP BY metric_name
ORDER BY metric_name

-- Averages by local day of one metric. Parameter: metrics.
-- name: daily_statistics
SELECT metric_name, (timestamp AT TIME ZONE %(zone)s)::date AS day,
       avg(round(least(greatest(metric_value, -1e15), 1e15), 6))::float8 AS average
FROM system_metrics
WHERE timestamp >= %(from_time)s AND timestamp < %(to_time)s AND metric_name = ANY(%(metrics)s)
  AND (%(station)s::text IS NULL OR station = %(station)s)
GROUP BY metric_name, day
ORDER BY metric_name, day
