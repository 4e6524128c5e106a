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

-- Statistics over the window, from rollups. `least` and `greatest` reach between the samples. median, low and high: the
-- smallest value (to three significant digits) that half, 5 % and 95 % of the samples do not exceed. Parameter: metrics.
-- name: statistics
WITH found AS MATERIALIZED (
    SELECT * FROM get_metric_rollups(%(station)s, %(metrics)s::text[], %(from_time)s, %(to_time)s)
), bins AS (
    SELECT metric_name, value, sum(n) AS n FROM found, unnest(bin_values, bin_counts) AS b (value, n) GROUP BY metric_name, value
), ranked AS (
    SELECT metric_name, value, sum(n) OVER (PARTITION BY metric_name ORDER BY value) AS up_to,
           sum(n) OVER (PARTITION BY metric_name) AS samples FROM bins
), percentiles AS (
    SELECT metric_name, min(value) FILTER (WHERE up_to >= 0.5 * samples) AS median,
           min(value) FILTER (WHERE up_to >= 0.05 * samples) AS low, min(value) FILTER (WHERE up_to >= 0.95 * samples) AS high
    FROM ranked GROUP BY metric_name
)
SELECT f.metric_name, max(f.unit) AS unit, sum(f.sample_count)::bigint AS samples,
       (sum(f.value_sum) / sum(f.sample_count))::float8 AS average,
       p.median::float8 AS median, p.low::float8 AS low, p.high::float8 AS high,
       min(f.value_min)::float8 AS least, max(f.value_max)::float8 AS greatest
FROM found f JOIN percentiles p USING (metric_name)
GROUP BY f.metric_name, p.median, p.low, p.high
ORDER BY f.metric_name

-- Averages by local day. Parameters: metrics, zone.
-- name: daily_statistics
SELECT metric_name, (bucket_start AT TIME ZONE %(zone)s)::date AS day, (sum(value_sum) / sum(sample_count))::float8 AS average
FROM get_metric_rollups(%(station)s, %(metrics)s::text[], %(from_time)s, %(to_time)s)
GROUP BY metric_name, day
ORDER BY metric_name, day
