-- add_rollups: adds to buckets, in the order of their key: writers that lock in the same order do not deadlock
insert into reading_rollup as r (device_id, measure, begins_at, count, low, high, sum_millionths)
select device_id, measure::smallint, begins_at, count, low, high, sum_millionths
  from unnest(%(device_id)s, %(measure)s, %(begins_at)s, %(count)s, %(low)s, %(high)s, %(sum_millionths)s)
       as added (device_id, measure, begins_at, count, low, high, sum_millionths)
 order by device_id, measure, begins_at
on conflict (device_id, measure, begins_at) do update set
  count = r.count + excluded.count,
  low = least(r.low, excluded.low),
  high = greatest(r.high, excluded.high),
  sum_millionths = r.sum_millionths + excluded.sum_millionths;
