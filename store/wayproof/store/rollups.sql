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

-- devices: all that may have rollups
select device_id from device_state order by device_id;

-- drop_rollups: forgets a device's buckets that begin before a time
delete from reading_rollup
 where device_id = %(device_id)s and measure = any(%(measures)s) and begins_at < %(before)s;
