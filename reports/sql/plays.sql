-- Plays and tracks. Parameters: station (NULL: all), from_time, to_time, and what a query names besides.
-- A play belongs to the window that it started in.
-- What a log line said as a number is anything that NUMERIC or float8 holds: it is brought within 10^15 before it is
-- summed or leaves as float8, so that no line makes a figure overflow or infinite.

-- Plays that were retired count by whole days (schema.sql, get_retired_plays).

-- name: play_stats
SELECT coalesce(sum(plays), 0)::bigint AS total_plays, count(DISTINCT track_key) AS unique_tracks,
       coalesce(sum(failed), 0)::bigint AS plays_with_errors,
       coalesce(100.0 * sum(failed) / nullif(sum(plays), 0), 0)::float8 AS error_rate,
       coalesce(sum(seconds), 0)::float8 AS total_play_seconds,
       coalesce(sum(seconds) / nullif(sum(ended), 0), 0)::float8 AS average_duration_seconds
FROM (
    SELECT track_key, count(*) AS plays, count(*) FILTER (WHERE had_errors) AS failed, sum(duration_seconds) AS seconds,
           count(duration_seconds) AS ended
    FROM play_history
    WHERE started_at >= %(from_time)s AND started_at < %(to_time)s AND (%(station)s::text IS NULL OR station = %(station)s)
    GROUP BY track_key
    UNION ALL
    SELECT track_key, play_count, plays_with_errors, play_seconds, play_count
    FROM get_retired_plays(%(station)s, %(from_time)s, %(to_time)s)
) tracks

-- A track is its track_key; it is shown as it was written last. Parameter: limit.
-- name: most_played
SELECT coalesce(latest.artist, top.artist) AS artist, coalesce(latest.title, top.title) AS title, top.play_count,
       top.total_play_seconds, top.last_played_at
FROM (
    SELECT track_key, (array_agg(artist ORDER BY last_at DESC) FILTER (WHERE artist IS NOT NULL))[1] AS artist,
           (array_agg(title ORDER BY last_at DESC) FILTER (WHERE title IS NOT NULL))[1] AS title,
           sum(plays)::bigint AS play_count, coalesce(sum(seconds), 0)::float8 AS total_play_seconds,
           max(last_at) AS last_played_at
    FROM (
        SELECT track_key, NULL AS artist, NULL AS title, count(*) AS plays, sum(duration_seconds) AS seconds,
               max(started_at) AS last_at
        FROM play_history
        WHERE started_at >= %(from_time)s AND started_at < %(to_time)s
          AND (%(station)s::text IS NULL OR station = %(station)s)
        GROUP BY track_key
        UNION ALL
        SELECT track_key, artist, title, play_count, play_seconds, last_started_at
        FROM get_retired_plays(%(station)s, %(from_time)s, %(to_time)s)
    ) parts
    GROUP BY track_key
    ORDER BY play_count DESC, last_played_at DESC, track_key
    LIMIT %(limit)s
) top
LEFT JOIN LATERAL (
    SELECT p.artist, p.title FROM play_history p
    WHERE p.track_key = top.track_key AND p.started_at = top.last_played_at
      AND (%(station)s::text IS NULL OR p.station = %(station)s)
    ORDER BY p.id DESC LIMIT 1
) latest ON true
ORDER BY top.play_count DESC, top.last_played_at DESC, top.track_key

-- All 24 hours, each play in the time zone of its station. Parameter: zone, for a station that has none.
-- name: hourly
SELECT h AS hour_of_day, count(p.hour) AS play_count
FROM generate_series(0, 23) h
LEFT JOIN (
    SELECT extract(hour FROM q.started_at AT TIME ZONE coalesce(s.time_zone, %(zone)s))::int AS hour
    FROM play_history q LEFT JOIN stations s ON s.name = q.station
    WHERE q.started_at >= %(from_time)s AND q.started_at < %(to_time)s
      AND (%(station)s::text IS NULL OR q.station = %(station)s)
) p ON p.hour = h
GROUP BY h ORDER BY h

-- Calendar days of `zone` that hold a play; retired ones are days of their station's zone.
-- name: daily_plays
SELECT day, sum(plays)::bigint AS total_plays, count(DISTINCT track_key) AS unique_tracks, sum(failed)::bigint AS plays_with_errors
FROM (
    SELECT (started_at AT TIME ZONE %(zone)s)::date AS day, track_key, count(*) AS plays,
           count(*) FILTER (WHERE had_errors) AS failed
    FROM play_history
    WHERE started_at >= %(from_time)s AND started_at < %(to_time)s AND (%(station)s::text IS NULL OR station = %(station)s)
    GROUP BY 1, 2
    UNION ALL
    SELECT day, track_key, play_count, plays_with_errors FROM get_retired_plays(%(station)s, %(from_time)s, %(to_time)s)
) tracks
GROUP BY day ORDER BY day

-- artist and title are spelled as track_key is made: NFC, trimmed, white space collapsed, case-folded by the caller.
-- Parameters: track_key, limit.
-- name: track_history
SELECT id, station, artist, title, coalesce(album, '') AS album, started_at, ended_at,
       coalesce(duration_seconds, 0)::float8 AS duration_seconds,
       least(greatest(coalesce(expected_duration_seconds, 0), 0), 1e15)::float8 AS expected_duration_seconds,
       coalesce(ended_by, '') AS ended_by, had_errors, error_count, coalesce(error_message, '') AS error_message
FROM play_history
WHERE track_key = %(track_key)s AND (%(station)s::text IS NULL OR station = %(station)s)
ORDER BY started_at DESC, id DESC
LIMIT %(limit)s

-- Time from one start of a track to its next, at the same station; nearest repeats first. Parameter: limit.
-- name: repeat_distances
SELECT station, (array_agg(artist ORDER BY started_at DESC))[1] AS artist, (array_agg(title ORDER BY started_at DESC))[1] AS title,
       count(*) + 1 AS play_count, min(distance)::float8 AS shortest_seconds,
       (percentile_cont(0.5) WITHIN GROUP (ORDER BY distance))::float8 AS median_seconds
FROM (
    SELECT track_key, station, artist, title, started_at,
           extract(epoch FROM started_at - lag(started_at) OVER (PARTITION BY station, track_key ORDER BY started_at, id)) AS distance
    FROM play_history
    WHERE started_at >= %(from_time)s AND started_at < %(to_time)s AND (%(station)s::text IS NULL OR station = %(station)s)
) p
WHERE distance IS NOT NULL
GROUP BY station, track_key
ORDER BY shortest_seconds, play_count DESC, station, track_key
LIMIT %(limit)s

-- Listeners at the first and at the last count within each play, summed over the plays of a track; by source, so that two
-- that count at other times are never held against each other. A count belongs to the play that started last before it,
-- found by bisection of the station's starts; counts of one moment are summed. Station by station, and the window as columns:
-- so neither the statistics nor a wide window lure the planner away from the station's own index.
-- Parameters: metrics (names that count listeners), max_open_seconds, limit.
-- name: listener_retention
WITH RECURSIVE walk AS (
    (SELECT station AS name, %(from_time)s::timestamptz AS from_time, %(to_time)s::timestamptz AS to_time
     FROM play_history ORDER BY station LIMIT 1)
    UNION ALL
    SELECT (SELECT p.station FROM play_history p WHERE p.station > w.name ORDER BY p.station LIMIT 1), from_time, to_time
    FROM walk w WHERE w.name IS NOT NULL
), kept AS (
    SELECT track_key, max(started_at) AS started_at, count(*) AS play_count, avg(first_count)::float8 AS listeners_at_start,
           avg(last_count)::float8 AS listeners_at_end,
           coalesce(100.0 * sum(last_count) / nullif(sum(first_count), 0), 0)::float8 AS retention_percent
    FROM walk s CROSS JOIN LATERAL (
        WITH plays AS MATERIALIZED (
            SELECT track_key, started_at, row_number() OVER line AS number,
                   coalesce(ended_at, least(lead(started_at) OVER line,
                                            started_at + make_interval(secs => %(max_open_seconds)s))) AS ended_at
            FROM play_history
            WHERE station = s.name AND started_at >= s.from_time AND started_at < s.to_time
            WINDOW line AS (ORDER BY started_at, id)
        ), bounds AS MATERIALIZED (
            SELECT array_agg(started_at ORDER BY number) AS starts, array_agg(ended_at ORDER BY number) AS ends FROM plays
        ), counts AS (
            SELECT number, metric_value, at, first_value(at) OVER source AS first_at, last_value(at) OVER source AS last_at
            FROM (
                SELECT width_bucket(timestamp, starts) AS number, ends, timestamp AS at, metric_value, metric_name, service
                FROM bounds, system_metrics
                WHERE station = s.name AND timestamp >= %(from_time)s AND timestamp < %(to_time)s
                  AND metric_name = ANY(%(metrics)s)
                OFFSET 0  -- bisect once, not once for each mention
            ) c
            WHERE at < ends[number]
            WINDOW source AS (PARTITION BY number, metric_name, service ORDER BY at
                              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
        ), heard AS (
            SELECT number, sum(metric_value) FILTER (WHERE at = first_at) AS first_count,
                   sum(metric_value) FILTER (WHERE at = last_at) AS last_count
            FROM counts GROUP BY number
        )
        SELECT p.track_key, p.started_at, round(least(greatest(h.first_count, -1e15), 1e15), 6) AS first_count,
               round(least(greatest(h.last_count, -1e15), 1e15), 6) AS last_count
        FROM heard h JOIN plays p USING (number)
        OFFSET 0
    ) heard
    WHERE (%(station)s::text IS NULL OR s.name = %(station)s) AND EXISTS (
        SELECT FROM system_metrics m
        WHERE m.station = s.name AND m.timestamp >= %(from_time)s AND m.timestamp < %(to_time)s
          AND m.metric_name = ANY(%(metrics)s)
        OFFSET 0)
    GROUP BY track_key
    ORDER BY retention_percent DESC, play_count DESC, track_key
    LIMIT %(limit)s
)
SELECT p.artist, p.title, play_count, listeners_at_start, listeners_at_end, retention_percent
FROM kept k CROSS JOIN LATERAL (
    SELECT artist, title FROM play_history
    WHERE track_key = k.track_key AND started_at = k.started_at AND (%(station)s::text IS NULL OR station = %(station)s)
    ORDER BY id DESC LIMIT 1
) p
ORDER BY retention_percent DESC, play_count DESC, k.track_key
