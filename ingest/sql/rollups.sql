-- Rollups of metrics (schema.sql, metric_rollups): a recount of the raw rows wherever some came. Running it twice, or in
-- another order, ends in the same rows.

-- name: take_turn
SELECT pg_try_advisory_xact_lock(7240151803606)

-- name: waiting
SELECT count(*) FROM rollup_queue

-- name: memory
SET LOCAL work_mem = '64MB'

-- Takes what waits and gives the quarters of an hour it touches, as spans. The running quarter goes back as one entry: it
-- is counted once, when it is over.
-- name: take_spans
WITH taken AS (
    DELETE FROM rollup_queue WHERE id IN (SELECT id FROM rollup_queue ORDER BY id LIMIT %(limit)s)
    RETURNING station, from_time, to_time
), touched AS (
    SELECT station, range_agg(tstzrange(date_bin('15 minutes', from_time, 'epoch'),
                                        date_bin('15 minutes', to_time, 'epoch') + interval '15 minutes')) AS mr
    FROM taken GROUP BY station
), running AS (
    SELECT tstzrange(at, at + interval '15 minutes') AS span FROM date_bin('15 minutes', now(), 'epoch') at
), put_back AS (
    INSERT INTO rollup_queue (station, from_time, to_time)
    SELECT station, lower(span), lower(span) FROM touched JOIN running ON mr && span
)
SELECT station, lower(r), upper(r)
FROM touched CROSS JOIN running CROSS JOIN unnest(mr - tstzmultirange(span)) r
ORDER BY station, r

-- A statement of its own, so that it sees every row whose span was taken.
-- name: roll_up
INSERT INTO metric_rollups AS r (metric_name, bucket_start, station, service, frozen, unit, sample_count, value_sum, value_min,
                                 value_max, bin_values, bin_counts)
SELECT m.metric_name, m.bucket_start, m.station, m.service, false, m.unit, m.sample_count, m.value_sum, m.value_min,
       m.value_max, m.bin_values, m.bin_counts
FROM unnest(%(stations)s::text[], %(from_times)s::timestamptz[], %(to_times)s::timestamptz[]) AS s (station, from_time, to_time)
CROSS JOIN LATERAL roll_up_metrics(s.station, NULL, s.from_time, s.to_time) m
ON CONFLICT (metric_name, bucket_start, station, service, frozen) DO UPDATE SET
    unit = excluded.unit, sample_count = excluded.sample_count, value_sum = excluded.value_sum,
    value_min = excluded.value_min, value_max = excluded.value_max, bin_values = excluded.bin_values,
    bin_counts = excluded.bin_counts
WHERE (r.sample_count, r.value_sum, r.value_min, r.value_max, r.unit)
    IS DISTINCT FROM (excluded.sample_count, excluded.value_sum, excluded.value_min, excluded.value_max, excluded.unit)
