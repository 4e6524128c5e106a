-- What an operator changes by hand. Windows count as they are when somebody asks; resolutions are queued for the
-- bookkeeper like those from a log.

-- name: add_window
INSERT INTO maintenance_windows (station, from_time, to_time, reason)
VALUES (%(station)s, %(from_time)s, %(to_time)s, %(reason)s) RETURNING id

-- Parameters: station (NULL: all), from_time: windows that were over by then are left out (NULL: none).
-- name: windows
SELECT id, station, from_time, to_time, coalesce(reason, '') AS reason,
       CASE WHEN now() >= to_time THEN 'over' WHEN now() >= from_time THEN 'running' ELSE 'planned' END AS state
FROM maintenance_windows
WHERE (%(station)s::text IS NULL OR station = %(station)s) AND (%(from_time)s::timestamptz IS NULL OR to_time > %(from_time)s)
ORDER BY from_time, id

-- name: remove_windows
DELETE FROM maintenance_windows WHERE id = ANY (%(ids)s) RETURNING id

-- name: resolve_ids
WITH wanted AS (
    SELECT id, station, resolved FROM error_log WHERE id = ANY (%(ids)s)
), said AS (
    INSERT INTO error_resolutions (station, resolved_at, error_id)
    SELECT station, %(at)s, id FROM wanted WHERE NOT resolved RETURNING station
), queued AS (
    INSERT INTO derive_queue (station, from_time, to_time) SELECT DISTINCT station, %(at)s::timestamptz, %(at)s::timestamptz FROM said
)
SELECT id, resolved FROM wanted

-- The same errors that the bookkeeper resolves by it. Parameters: station (NULL: all), template (NULL: any).
-- name: resolve_kind
WITH wanted AS (
    SELECT station, count(*) AS open_count FROM error_log
    WHERE service = %(service)s AND (%(template)s::text IS NULL OR template = %(template)s) AND NOT resolved
      AND timestamp <= %(at)s AND (%(station)s::text IS NULL OR station = %(station)s)
    GROUP BY station
), said AS (
    INSERT INTO error_resolutions (station, resolved_at, service, template)
    SELECT station, %(at)s, %(service)s, %(template)s FROM wanted
), queued AS (
    INSERT INTO derive_queue (station, from_time, to_time) SELECT station, %(at)s::timestamptz, %(at)s::timestamptz FROM wanted
)
SELECT coalesce(sum(open_count), 0)::bigint AS open_count FROM wanted
