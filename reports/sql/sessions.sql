-- The encoder's sessions and incidents one by one. Parameters: station (NULL: all), from_time, to_time, now, limit.
-- Numbers from log lines are brought within bounds before they leave as float8 (see plays.sql).

-- Sessions that ran in the window, the newest first. silent_seconds: from the last progress to the next session's first;
-- of one that runs, from its last progress to now.
-- name: sessions
SELECT session_key, station, service, coalesce(host, '') AS host, coalesce(pid, 0) AS pid,
       coalesce(ffmpeg_version, '') AS ffmpeg_version, began_at AS started_at, ended_at, time_quality, end_kind, health,
       continued, coalesce(signal, 0) AS signal, coalesce(exit_guess, -1) AS exit_guess, coalesce(cause, '') AS cause,
       coalesce(cause_category, '') AS cause_category, first_progress_at, last_progress_at,
       coalesce(inputs, '[]'::jsonb) AS inputs, coalesce(outputs, '[]'::jsonb) AS outputs,
       least(progress_count, 1e15)::bigint AS progress_count, least(coalesce(frames, 0), 1e15)::bigint AS frames,
       least(coalesce(size_bytes, 0), 1e15)::bigint AS size_bytes,
       least(greatest(coalesce(out_time_seconds, 0), -1e15), 1e15)::float8 AS out_time_seconds,
       least(coalesce(speed_average, 0), 1e15)::float8 AS speed_average,
       least(coalesce(speed_worst, 0), 1e15)::float8 AS speed_worst,
       least(coalesce(dup_frames, 0), 1e15)::bigint AS dup_frames,
       least(coalesce(drop_frames, 0), 1e15)::bigint AS drop_frames, warning_count, error_count, stall_count,
       least(greatest(stall_seconds, 0), 1e15)::float8 AS stall_seconds,
       coalesce(next_session_key, '') AS next_session_key, coalesce(restart_seconds, 0)::float8 AS restart_seconds,
       greatest(0, coalesce(silent_seconds,
                            CASE WHEN end_kind = 'running'
                                 THEN extract(epoch FROM %(now)s::timestamptz - coalesce(last_progress_at, began_at)) END,
                            0))::float8 AS silent_seconds
FROM stream_session_chain
WHERE began_at < %(to_time)s AND coalesce(ended_at, CASE WHEN end_kind = 'running' THEN 'infinity'::timestamptz END,
                                          last_progress_at, began_at) >= %(from_time)s
  AND (%(station)s::text IS NULL OR station = %(station)s)
ORDER BY began_at DESC, generation DESC, line_offset DESC
LIMIT %(limit)s

-- Incidents that were not over before the window, the newest first. An outage that is not over is counted up to now.
-- name: incidents
SELECT incident_key, station, service, kind, started_at, ended_at, kind = 'trouble' OR ended_at IS NOT NULL AS over,
       greatest(0, coalesce(outage_seconds, CASE WHEN kind = 'failure' AND ended_at IS NULL
                                                 THEN extract(epoch FROM %(now)s::timestamptz - started_at) END, 0))::float8
           AS outage_seconds,
       cause, coalesce(category, '') AS category, coalesce(end_kind, '') AS end_kind, session_count, line_count,
       least(occurrences, 1e15)::bigint AS occurrences, coalesce(recovered_session_key, '') AS recovered_session_key,
       time_quality
FROM get_incidents(%(from_time)s, %(to_time)s)
WHERE %(station)s::text IS NULL OR station = %(station)s
ORDER BY started_at DESC, incident_key
LIMIT %(limit)s
