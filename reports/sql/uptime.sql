-- Playout uptime (docs/uptime.md): what was on air, off air, planned off, or not known, per station.
-- Parameters: station (NULL: all), from_time, to_time (not behind now), now, zone, gap_seconds, max_open_seconds,
-- evidence_seconds, flap_seconds; evidence_from, evidence_to (the window and evidence_seconds around it). Every span is
-- half-open. Seconds are exact sums of microseconds until the last cast.

-- One pass; three kinds of rows:
--   total   (station, state, seconds)                              the window
--   day     (station, day, state, seconds)                         each local calendar day
--   span    (station, state, from_time, to_time, seconds)          up, down, unknown, maintenance, in order
--   outage  (station, from_time, to_time, seconds of down, continued, ongoing, cause of the last play's end)
-- name: playout
WITH RECURSIVE walk AS (
    (SELECT station AS name FROM play_history ORDER BY station LIMIT 1)
    UNION ALL
    SELECT (SELECT p.station FROM play_history p WHERE p.station > w.name ORDER BY p.station LIMIT 1)
    FROM walk w WHERE w.name IS NOT NULL
), begun AS (
    -- A station counts from its first play on: before it there was nothing to be up or down.
    SELECT w.name, (SELECT p.started_at FROM play_history p WHERE p.station = w.name AND p.time_quality <> 'unknown'
                    ORDER BY p.started_at LIMIT 1) AS first_at
    FROM walk w WHERE w.name IS NOT NULL AND (%(station)s::text IS NULL OR w.name = %(station)s)
), stage AS (
    SELECT b.name AS station, b.first_at, greatest(b.first_at, %(from_time)s::timestamptz) AS from_time,
           %(to_time)s::timestamptz AS to_time,
           tstzrange(greatest(b.first_at, %(from_time)s::timestamptz), %(to_time)s::timestamptz) AS span,
           least(%(from_time)s::timestamptz - interval '24 hours',
                 coalesce((SELECT p.started_at FROM play_history p
                           WHERE p.station = b.name AND p.started_at < %(from_time)s
                           ORDER BY p.started_at DESC LIMIT 1), %(from_time)s)) AS look_back
    FROM begun b WHERE b.first_at < %(to_time)s
), planned AS (
    SELECT s.station, coalesce(range_agg(tstzrange(m.from_time, m.to_time) * s.span) FILTER (WHERE m.id IS NOT NULL), '{}') AS mr
    FROM stage s LEFT JOIN maintenance_windows m ON m.station = s.station AND tstzrange(m.from_time, m.to_time) && s.span
    GROUP BY s.station
), beats AS MATERIALIZED (
    -- Where the encoder made progress. Restarts within the gap threshold are one piece, which reaches one threshold
    -- behind its last heartbeat.
    SELECT s.station, coalesce(range_agg(
               tstzrange(e.first_progress_at, e.last_progress_at + make_interval(secs => %(gap_seconds)s), '[]'))
               FILTER (WHERE e.id IS NOT NULL), '{}') AS mr
    FROM stage s LEFT JOIN stream_sessions e
        ON e.station = s.station AND e.first_progress_at <= e.last_progress_at AND e.last_progress_at >= s.look_back
       AND e.first_progress_at < s.to_time AND e.time_quality IN ('exact', 'zoneless', 'arrival')
    GROUP BY s.station
), plays AS MATERIALIZED (
    -- Station by station, so that only the rows of the window are touched, however long the history. What a line said of an
    -- end stands, and covers; the others are few, and looked at one by one.
    SELECT s.station, p.mr, p.others
    FROM stage s CROSS JOIN LATERAL (
        SELECT range_agg(tstzrange(q.started_at, q.stop_at)) FILTER (WHERE q.stands AND q.stop_at > q.started_at) AS mr,
               array_agg(q.id) FILTER (WHERE NOT q.stands) AS others
        FROM (
            SELECT id, started_at, least(ended_at, %(now)s::timestamptz) AS stop_at,
                   coalesce(ended_at - started_at <= interval '24 hours' AND ended_by NOT IN ('duration', 'max_open'), false)
                       AS stands
            FROM play_history
            WHERE station = s.station AND started_at >= s.look_back AND started_at < %(to_time)s
              AND started_at <= %(now)s::timestamptz + interval '2 minutes' AND time_quality <> 'unknown'
            OFFSET 0
        ) q
    ) p
), ended AS (
    -- An end that only follows from a length gives way to the encoder's heartbeats. The last play, still open: its heartbeats
    -- (up to now when the last is fresh), else its length, else max_open.
    SELECT p.station, p.started_at, beat.last_at IS NOT NULL AS has_beat, CASE
               WHEN p.ended_at IS NOT NULL AND p.ended_by IN ('duration', 'max_open') AND beat.last_at IS NOT NULL
                   THEN least(greatest(p.ended_at, beat.last_at),
                              (SELECT min(n.started_at) FROM play_history n WHERE n.station = p.station
                               AND n.started_at > p.started_at AND n.time_quality <> 'unknown'))
               WHEN p.ended_at IS NOT NULL THEN p.ended_at
               WHEN beat.last_at > %(now)s::timestamptz - interval '60 seconds' THEN %(now)s
               WHEN beat.last_at IS NOT NULL THEN beat.last_at
               ELSE p.started_at + make_interval(secs => coalesce(p.expected_duration_seconds, %(max_open_seconds)s))
           END AS ended_at
    FROM plays o JOIN play_history p ON p.id = ANY(o.others)
    LEFT JOIN LATERAL (
        SELECT upper(r) - make_interval(secs => %(gap_seconds)s) AS last_at
        FROM beats b, unnest(b.mr) r
        WHERE b.station = p.station
          AND CASE WHEN p.ended_at IS NULL
                   THEN r && tstzrange(p.started_at, p.started_at + interval '60 seconds', '[]')
                        AND upper(r) > p.started_at + make_interval(secs => %(gap_seconds)s)
                   ELSE r @> p.ended_at END
        ORDER BY r LIMIT 1
    ) beat ON true
), believed AS (
    -- A play of more than a day that no heartbeat supports is a wrong clock, not a play.
    SELECT station, started_at, least(ended_at, %(now)s::timestamptz) AS ended_at FROM ended
    WHERE has_beat OR ended_at - started_at <= interval '24 hours'
), covered AS (
    SELECT station, range_agg(mr) AS mr FROM (
        SELECT station, mr FROM plays
        UNION ALL
        SELECT station, tstzmultirange(tstzrange(started_at, ended_at)) FROM believed WHERE ended_at > started_at
    ) parts GROUP BY station
), service AS (
    SELECT s.*, p.mr AS planned_mr, tstzmultirange(s.span) - p.mr AS mr, coalesce(c.mr, '{}') AS covered_mr
    FROM stage s JOIN planned p USING (station) LEFT JOIN covered c USING (station)
), play_files AS (
    -- Files that bytes were lost from, or that are not read to their end yet.
    SELECT f.generation, f.family, f.machine, g.from_offset AS at_offset, g.to_offset, g.detected_at AS until
    FROM ingest_losses g JOIN ingest_files f USING (generation)
    WHERE g.detected_at >= %(from_time)s AND g.detected_at < %(to_time)s::timestamptz + interval '7 days'
    UNION ALL
    SELECT f.generation, f.family, f.machine, f.committed_offset, NULL, %(now)s
    FROM ingest_files f WHERE f.state IN ('active', 'suspended') AND f.size_bytes - f.committed_offset > 4096
), lost AS (
    -- The time that lost or unread bytes of a file of plays may have told of: from the play before them to the next one.
    SELECT s.station, coalesce(range_agg(tstzrange(around.before_at, around.after_at))
                               FILTER (WHERE around.before_at < around.after_at), '{}') AS mr
    FROM stage s CROSS JOIN play_files l
    CROSS JOIN LATERAL (
        SELECT max(p.started_at) FILTER (WHERE p.line_offset < l.at_offset) AS before_at,
               coalesce(min(p.started_at) FILTER (WHERE p.line_offset >= l.to_offset), l.until) AS after_at
        FROM play_history p
        WHERE p.station = s.station AND p.generation = l.generation
          AND p.started_at >= s.look_back AND p.started_at <= l.until
    ) around
    GROUP BY s.station
), gaps AS (
    -- A gap of at most evidence_seconds that a start ends is known: that line is near enough to all of it.
    SELECT v.station, g,
           upper(g) - lower(g) > make_interval(secs => %(evidence_seconds)s) OR NOT v.covered_mr @> upper(g) AS doubtful
    FROM service v, unnest(v.mr - v.covered_mr) g
), evidence AS (
    SELECT g.station, g.g, range_agg(tstzrange(e.first_at - make_interval(secs => %(evidence_seconds)s),
                                               e.last_at + make_interval(secs => %(evidence_seconds)s))) AS mr
    FROM gaps g CROSS JOIN LATERAL (
        SELECT lower(g.g) - make_interval(secs => %(evidence_seconds)s) AS a,
               upper(g.g) + make_interval(secs => %(evidence_seconds)s) AS b
    ) w CROSS JOIN LATERAL (
        SELECT min(at) AS first_at, max(at) AS last_at FROM (
            SELECT p.started_at AS at FROM play_history p
            WHERE p.station = g.station AND p.started_at BETWEEN w.a AND w.b AND p.time_quality IN ('exact', 'zoneless', 'arrival')
            UNION ALL
            SELECT p.ended_at FROM play_ends p
            WHERE p.station = g.station AND p.ended_at BETWEEN w.a AND w.b AND p.time_quality IN ('exact', 'zoneless', 'arrival')
            UNION ALL
            SELECT l.timestamp FROM error_log l
            WHERE l.timestamp BETWEEN w.a AND w.b AND l.station = g.station AND l.time_quality IN ('exact', 'zoneless', 'arrival')
            UNION ALL
            SELECT m.timestamp FROM system_metrics m
            WHERE m.timestamp BETWEEN w.a AND w.b AND m.station = g.station AND m.time_quality IN ('exact', 'zoneless', 'arrival')
              -- follows from the line before it; here the planner sees which partitions it needs
              AND m.timestamp BETWEEN %(evidence_from)s AND %(evidence_to)s
        ) line GROUP BY date_bin('1 minute', at, 'epoch'::timestamptz)
        UNION ALL
        SELECT coalesce(s.first_progress_at, s.started_at, s.ended_at), coalesce(s.ended_at, s.last_progress_at, s.started_at)
        FROM stream_sessions s
        WHERE s.station = g.station AND s.time_quality IN ('exact', 'zoneless', 'arrival')
          AND coalesce(s.first_progress_at, s.started_at, s.ended_at) <= w.b
          AND coalesce(s.ended_at, s.last_progress_at, s.started_at) >= w.a
    ) e
    WHERE g.doubtful AND e.first_at <= e.last_at
    GROUP BY g.station, g.g
), judged AS (
    SELECT g.station, tstzmultirange(g.g) AS mr,
           tstzmultirange(g.g) * CASE WHEN g.doubtful THEN coalesce(e.mr, '{}') ELSE tstzmultirange(g.g) END
               - coalesce(l.mr, '{}') AS known_mr
    FROM gaps g LEFT JOIN evidence e ON e.station = g.station AND e.g = g.g LEFT JOIN lost l ON l.station = g.station
), down AS (
    SELECT j.station, range_agg(r) AS mr FROM judged j, unnest(j.known_mr) r
    WHERE upper(r) - lower(r) > make_interval(secs => %(gap_seconds)s)
    GROUP BY j.station
), unknown AS (
    SELECT j.station, range_agg(r) AS mr FROM judged j, unnest(j.mr - j.known_mr) r GROUP BY j.station
), states AS MATERIALIZED (
    SELECT v.station, x.state, r AS span, extract(epoch FROM upper(r) - lower(r)) AS seconds
    FROM service v LEFT JOIN down d USING (station) LEFT JOIN unknown u USING (station)
    CROSS JOIN LATERAL (VALUES
        ('up', v.mr - coalesce(d.mr, '{}') - coalesce(u.mr, '{}')), ('down', coalesce(d.mr, '{}')),
        ('unknown', coalesce(u.mr, '{}')), ('maintenance', v.planned_mr)) x(state, mr)
    CROSS JOIN LATERAL unnest(x.mr) r
), days AS MATERIALIZED (
    SELECT d::date AS day, tstzrange(d::timestamp AT TIME ZONE %(zone)s, (d::date + 1)::timestamp AT TIME ZONE %(zone)s) AS span
    FROM generate_series((%(from_time)s::timestamptz AT TIME ZONE %(zone)s)::date::timestamp,
                         (%(to_time)s::timestamptz AT TIME ZONE %(zone)s)::date::timestamp, interval '1 day') d
), up_before AS (
    SELECT station, state, span, seconds,
           coalesce(sum(seconds) FILTER (WHERE state = 'up') OVER (PARTITION BY station ORDER BY span), 0) AS up_seconds
    FROM states
), marked AS (
    -- Down runs with less than flap_seconds on air between them are one outage.
    SELECT station, span, seconds,
           coalesce(up_seconds - lag(up_seconds) OVER (PARTITION BY station ORDER BY span) < %(flap_seconds)s, false) AS goes_on
    FROM up_before WHERE state = 'down'
), grouped AS (
    SELECT *, count(*) FILTER (WHERE NOT goes_on) OVER (PARTITION BY station ORDER BY span) AS number FROM marked
), outages AS (
    SELECT station, min(lower(span)) AS from_time, max(upper(span)) AS to_time, sum(seconds) AS seconds
    FROM grouped GROUP BY station, number
)
SELECT 'total' AS kind, station, NULL::date AS day, state, NULL::timestamptz AS from_time, NULL::timestamptz AS to_time,
       sum(seconds)::float8 AS seconds, false AS continued, false AS ongoing, '' AS ended_by
FROM states GROUP BY station, state
UNION ALL
SELECT 'day', t.station, d.day, t.state, NULL, NULL,
       sum(extract(epoch FROM upper(t.span * d.span) - lower(t.span * d.span)))::float8, false, false, ''
FROM states t JOIN days d ON t.span && d.span GROUP BY t.station, d.day, t.state
UNION ALL
SELECT 'span', station, NULL, state, lower(span), upper(span), seconds::float8, false, false, '' FROM states
UNION ALL
SELECT 'outage', o.station, NULL, 'down', o.from_time, o.to_time, o.seconds::float8,
       o.from_time = s.from_time AND s.first_at < s.from_time
           AND NOT EXISTS (SELECT FROM unnest(s.covered_mr) r WHERE lower(r) < s.from_time AND upper(r) >= s.from_time),
       o.to_time = s.to_time AND s.to_time >= %(now)s,
       coalesce((SELECT p.ended_by FROM play_history p WHERE p.station = o.station AND p.started_at < o.from_time
                 ORDER BY p.started_at DESC LIMIT 1), '')
FROM outages o JOIN service s USING (station)
ORDER BY kind, station, from_time, day, state

-- What went wrong next to each outage: the encoder's exit, else the nearest error. Parameters: stations, from_times,
-- to_times (arrays of the same length).
-- name: causes
SELECT o.number, coalesce(exit.cause, error.message, '') AS cause,
       coalesce(exit.category, error.category, '') AS category,
       CASE WHEN exit.cause IS NOT NULL THEN 'encoder' WHEN error.message IS NOT NULL THEN 'log' ELSE '' END AS source,
       coalesce(error.service, exit.service, '') AS service
FROM unnest(%(stations)s::text[], %(from_times)s::timestamptz[], %(to_times)s::timestamptz[])
     WITH ORDINALITY AS o(station, from_time, to_time, number)
LEFT JOIN LATERAL (
    SELECT coalesce(nullif(s.cause, ''), CASE s.end_kind
               WHEN 'signal' THEN concat_ws(' ', 'FFmpeg was stopped by a signal', '(' || s.signal || ')')
               WHEN 'killed' THEN 'FFmpeg ended without a word' ELSE 'FFmpeg failed' END) AS cause,
           coalesce(s.cause_category, 'exit') AS category, s.service
    FROM stream_sessions s
    WHERE s.station = o.station AND s.end_kind NOT IN ('running', 'finished') AND s.time_quality <> 'unknown'
      AND s.ended_at BETWEEN o.from_time - interval '2 minutes' AND o.from_time + interval '1 minute'
    ORDER BY abs(extract(epoch FROM s.ended_at - o.from_time)), s.id LIMIT 1
) exit ON true
LEFT JOIN LATERAL (
    SELECT e.message, coalesce(e.category, '') AS category, e.service FROM error_log e
    WHERE e.station = o.station AND e.severity IN ('error', 'critical') AND NOT e.noise
      AND e.time_quality IN ('exact', 'zoneless', 'arrival')
      AND e.timestamp BETWEEN o.from_time - interval '2 minutes' AND least(o.to_time, o.from_time + interval '1 minute')
    ORDER BY abs(extract(epoch FROM e.timestamp - o.from_time)), e.id LIMIT 1
) error ON true
ORDER BY o.number

-- Encoder crashes that no outage shows, because the next encoder was there within the gap threshold.
-- Parameters: station, from_time, to_time, gap_seconds; stations, from_times, to_times of the outages.
-- name: bridged_crashes
SELECT s.station, count(*) AS crashes
FROM stream_sessions s
WHERE s.ended_at >= %(from_time)s AND s.ended_at < %(to_time)s AND s.end_kind IN ('failed', 'killed')
  AND s.progress_count > 0 AND s.time_quality <> 'unknown' AND (%(station)s::text IS NULL OR s.station = %(station)s)
  AND NOT EXISTS (
      SELECT FROM unnest(%(stations)s::text[], %(from_times)s::timestamptz[], %(to_times)s::timestamptz[]) AS o(station, from_time, to_time)
      WHERE o.station = s.station
        AND s.ended_at >= o.from_time - make_interval(secs => CASE s.time_quality WHEN 'estimated' THEN 300 ELSE %(gap_seconds)s END)
        AND s.ended_at <= o.to_time + make_interval(secs => CASE s.time_quality WHEN 'estimated' THEN 300 ELSE 0 END))
  AND NOT EXISTS (SELECT FROM maintenance_windows m
                  WHERE m.station = s.station AND s.ended_at >= m.from_time AND s.ended_at < m.to_time)
GROUP BY s.station

-- The encoder layer: how long it made progress, whatever was played; in_service_seconds: without planned work.
-- Parameters: station, from_time, to_time.
-- name: encoder_seconds
WITH live AS (
    SELECT station, range_agg(tstzrange(first_progress_at, last_progress_at)
                              * tstzrange(%(from_time)s::timestamptz, %(to_time)s::timestamptz)) AS mr
    FROM stream_sessions
    WHERE first_progress_at < last_progress_at AND last_progress_at > %(from_time)s AND first_progress_at < %(to_time)s
      AND time_quality IN ('exact', 'zoneless', 'arrival') AND (%(station)s::text IS NULL OR station = %(station)s)
    GROUP BY station
), planned AS (
    SELECT station, range_agg(tstzrange(from_time, to_time)) AS mr FROM maintenance_windows
    WHERE from_time < %(to_time)s AND to_time > %(from_time)s GROUP BY station
)
SELECT (SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0)::float8 FROM live, unnest(mr) r) AS seconds,
       (SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0)::float8
        FROM live LEFT JOIN planned USING (station), unnest(live.mr - coalesce(planned.mr, '{}')) r) AS in_service_seconds

-- The platform layer: samples of platform_live (docs/uptime.md), a service's word whether viewers could see the stream.
-- Parameters: station, from_time, to_time.
-- name: platform
SELECT coalesce(sum(n), 0)::bigint AS samples,
       coalesce(100.0 * sum(n) FILTER (WHERE value >= 0.5) / nullif(sum(n), 0), 0)::float8 AS percent
FROM get_metric_rollups(%(station)s, ARRAY['platform_live'], %(from_time)s, %(to_time)s) r,
     unnest(r.bin_values, r.bin_counts) AS b (value, n)
