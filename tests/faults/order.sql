-- readings: those of a device
select r.* from reading r join device using (device_id) where name = %(name)s order by observed_at, boot, seq;

-- state: that of a device
select s.* from device_state s join device using (device_id) where name = %(name)s;

-- rollups: those of a device
select r.* from reading_rollup r join device using (device_id) where name = %(name)s order by measure, begins_at;

-- sequences: those of a device
select device_id, boot, range_agg(seqs)
  from device_sequence join device using (device_id)
 where name = %(name)s
 group by device_id, boot order by boot;
