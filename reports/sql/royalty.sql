-- The report of use that SoundExchange and like societies ask for. Parameters: station (NULL: all), from_time, to_time,
-- metrics (names that count listeners).

-- One row a track: a performance is one listener of one play. The listeners of a play are the sum over all sources (a metric
-- of a service); of each the average of its counts within the play, or its last count of the quarter of an hour before its
-- start. Of counts that were retired the rollups are left: the average of the quarters that the play touches, or of the
-- quarter before. ^ and | are marks of the format.
-- name: soundexchange
WITH plays AS (
    SELECT p.station, p.track_key, p.artist, p.title, p.album, p.metadata, p.started_at,
           coalesce(p.ended_at, p.started_at + make_interval(secs => least(coalesce(p.expected_duration_seconds, 0), 86400))) AS ended_at,
           row_number() OVER (PARTITION BY p.station ORDER BY p.started_at, p.id) AS number
    FROM play_history p
    WHERE p.started_at >= %(from_time)s AND p.started_at < %(to_time)s AND (%(station)s::text IS NULL OR p.station = %(station)s)
      AND (p.artist <> '' OR p.title <> '')
), counts AS (
    SELECT station, concat_ws(E'\t', metric_name, service) AS source, timestamp AS at,
           sum(least(greatest(metric_value, 0), 1e9)) AS listeners FROM system_metrics
    WHERE timestamp >= %(from_time)s::timestamptz - interval '15 minutes' AND timestamp < %(to_time)s::timestamptz + interval '1 day'
      AND metric_name = ANY(%(metrics)s) AND (%(station)s::text IS NULL OR station = %(station)s)
    GROUP BY 1, 2, 3
), retired AS (
    SELECT station, concat_ws(E'\t', metric_name, service) AS source, bucket_start, value_sum, sample_count FROM metric_rollups
    WHERE frozen AND bucket_start >= %(from_time)s::timestamptz - interval '30 minutes'
      AND bucket_start < %(to_time)s::timestamptz + interval '1 day'
      AND metric_name = ANY(%(metrics)s) AND (%(station)s::text IS NULL OR station = %(station)s)
), sources AS (
    SELECT station, source FROM counts UNION SELECT station, source FROM retired
), line AS (
    -- Of each source, plays and counts in order of time: how many plays and how many counts there were up to each.
    SELECT station, source, at, listeners, number, count(number) OVER up_to_it AS plays,
           count(listeners) OVER up_to_it AS counts
    FROM (SELECT station, source, at, listeners, NULL::bigint AS number FROM counts
          UNION ALL SELECT station, source, started_at, NULL, number FROM plays JOIN sources USING (station)) both_kinds
    WINDOW up_to_it AS (PARTITION BY station, source ORDER BY at, listeners IS NOT NULL, number ROWS UNBOUNDED PRECEDING)
), heard AS (
    SELECT l.station, l.source, l.plays AS number, avg(l.listeners) AS listeners
    FROM line l JOIN plays p ON p.station = l.station AND p.number = l.plays
    WHERE l.listeners IS NOT NULL AND l.at < p.ended_at GROUP BY 1, 2, 3
), before AS (
    SELECT s.station, s.source, s.number, c.listeners
    FROM line s
    JOIN line c ON c.station = s.station AND c.source = s.source AND c.counts = s.counts AND c.listeners IS NOT NULL
    WHERE s.number IS NOT NULL AND c.at >= s.at - interval '15 minutes'
), quarters AS (
    SELECT p.station, p.number, q AS bucket_start, q >= date_bin('15 minutes', p.started_at, 'epoch') AS touched
    FROM plays p CROSS JOIN LATERAL generate_series(
        date_bin('15 minutes', p.started_at, 'epoch') - interval '15 minutes',
        least(greatest(p.ended_at - interval '1 microsecond', p.started_at), p.started_at + interval '1 day'), interval '15 minutes') q
), averages AS (
    SELECT station, r.source, q.number, least(greatest(coalesce(
               sum(r.value_sum) FILTER (WHERE q.touched) / sum(r.sample_count) FILTER (WHERE q.touched),
               sum(r.value_sum) / sum(r.sample_count)), 0), 1e9) AS listeners
    FROM quarters q JOIN retired r USING (station, bucket_start) GROUP BY 1, 2, 3
), audience AS (
    SELECT p.station, p.number, sum(coalesce(h.listeners, b.listeners, r.listeners, 0)) AS listeners
    FROM plays p JOIN sources USING (station) LEFT JOIN heard h USING (station, source, number)
    LEFT JOIN before b USING (station, source, number) LEFT JOIN averages r USING (station, source, number)
    GROUP BY 1, 2
)
SELECT royalty_text(n.station) AS "NAME_OF_SERVICE", 'A' AS "TRANSMISSION_CATEGORY",
       royalty_text((array_agg(n.artist ORDER BY n.started_at DESC))[1]) AS "FEATURED_ARTIST",
       royalty_text((array_agg(n.title ORDER BY n.started_at DESC))[1]) AS "SOUND_RECORDING_TITLE",
       royalty_text(coalesce(max(n.metadata ->> 'isrc'), '')) AS "ISRC",
       royalty_text(coalesce(max(n.album), '')) AS "ALBUM_TITLE",
       royalty_text(coalesce(max(n.metadata ->> 'label'), '')) AS "MARKETING_LABEL",
       round(sum(coalesce(a.listeners, 0)))::bigint AS "ACTUAL_TOTAL_PERFORMANCES"
FROM plays n LEFT JOIN audience a USING (station, number)
GROUP BY n.station, n.track_key
ORDER BY n.station, n.track_key
