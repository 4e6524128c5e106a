-- Errors. Rows marked as noise (what FFmpeg says of itself at every start) are no errors. A repeated message counts as often
-- as it was said. Parameters: station (NULL: all), from_time, to_time, and what a query names besides.

-- name: summary
SELECT service, severity, sum(occurrences)::bigint AS error_count, min(timestamp) AS first_seen, max(timestamp) AS last_seen
FROM error_log
WHERE timestamp >= %(from_time)s AND timestamp < %(to_time)s AND NOT noise AND (%(station)s::text IS NULL OR station = %(station)s)
GROUP BY service, severity
ORDER BY error_count DESC, service, severity

-- play_history_id: 0 where no play is known. Parameters: severity (NULL: all), limit (NULL: all).
-- name: timeline
SELECT timestamp, service, severity, message, station, occurrences, coalesce(category, '') AS category, time_quality,
       resolved, coalesce(play_history_id, 0) AS play_history_id
FROM error_log
WHERE timestamp >= %(from_time)s AND timestamp < %(to_time)s AND NOT noise AND (%(station)s::text IS NULL OR station = %(station)s)
  AND (%(severity)s::text IS NULL OR severity = %(severity)s)
ORDER BY timestamp DESC, id DESC
LIMIT %(limit)s

-- Errors and worse. Parameter: zone.
-- name: daily
SELECT (timestamp AT TIME ZONE %(zone)s)::date AS day, sum(occurrences)::bigint AS errors
FROM error_log
WHERE timestamp >= %(from_time)s AND timestamp < %(to_time)s AND NOT noise AND severity IN ('error', 'critical')
  AND (%(station)s::text IS NULL OR station = %(station)s)
GROUP BY day ORDER BY day

-- Errors and worse by weekday (1: Monday) and hour. Parameter: zone.
-- name: by_weekday_and_hour
SELECT extract(isodow FROM timestamp AT TIME ZONE %(zone)s)::int AS weekday,
       extract(hour FROM timestamp AT TIME ZONE %(zone)s)::int AS hour, sum(occurrences)::bigint AS errors
FROM error_log
WHERE timestamp >= %(from_time)s AND timestamp < %(to_time)s AND NOT noise AND severity IN ('error', 'critical')
  AND (%(station)s::text IS NULL OR station = %(station)s)
GROUP BY weekday, hour ORDER BY weekday, hour

-- By template, most frequent first, with the count of the window of equal length before and by day. new: never seen
-- before at that station. Parameters: before_time (start of the window before), zone, limit.
-- name: templates
WITH found AS (
    SELECT coalesce(nullif(template, ''), message) AS template, service, severity, coalesce(category, '') AS category,
           timestamp, occurrences, message, timestamp >= %(from_time)s AS current
    FROM error_log
    WHERE timestamp >= %(before_time)s AND timestamp < %(to_time)s AND NOT noise AND severity <> 'info'
      AND (%(station)s::text IS NULL OR station = %(station)s)
), grouped AS (
    SELECT service, template,
           (array_agg(severity ORDER BY array_position(ARRAY['critical', 'error', 'warning'], severity::text)) FILTER (WHERE current))[1] AS severity,
           (array_agg(category ORDER BY timestamp DESC) FILTER (WHERE current))[1] AS category,
           (array_agg(message ORDER BY timestamp DESC) FILTER (WHERE current))[1] AS example,
           coalesce(sum(occurrences) FILTER (WHERE current), 0)::bigint AS error_count,
           coalesce(sum(occurrences) FILTER (WHERE NOT current), 0)::bigint AS previous_count,
           min(timestamp) FILTER (WHERE current) AS first_seen, max(timestamp) FILTER (WHERE current) AS last_seen
    FROM found GROUP BY service, template
    HAVING bool_or(current)
    ORDER BY error_count DESC, last_seen DESC, service, template
    LIMIT %(limit)s
)
SELECT g.service, g.severity, g.category, g.template, g.example, g.error_count, g.previous_count, g.first_seen, g.last_seen,
       g.previous_count = 0 AND NOT EXISTS (
           SELECT FROM error_log e
           WHERE e.timestamp < %(before_time)s AND e.service = g.service AND coalesce(nullif(e.template, ''), e.message) = g.template
             AND NOT e.noise AND (%(station)s::text IS NULL OR e.station = %(station)s)) AS new,
       coalesce((SELECT array_agg(coalesce(c.n, 0) ORDER BY d.day) FROM (
               SELECT generate_series((%(from_time)s::timestamptz AT TIME ZONE %(zone)s)::date::timestamp,
                                      ((%(to_time)s::timestamptz - interval '1 microsecond') AT TIME ZONE %(zone)s)::date::timestamp,
                                      interval '1 day')::date AS day) d
           LEFT JOIN (SELECT (f.timestamp AT TIME ZONE %(zone)s)::date AS day, sum(f.occurrences)::bigint AS n FROM found f
                      WHERE f.current AND f.service = g.service AND f.template = g.template GROUP BY 1) c ON c.day = d.day), '{}') AS by_day
FROM grouped g
ORDER BY g.error_count DESC, g.last_seen DESC, g.service, g.template
