-- engine: whether `reading` is a hypertable, not a table partitioned by ourselves
select relkind <> 'p' as is_hypertable from pg_class where oid = 'reading'::regclass;

-- packed_days: how many days are packed
select count(distinct begins_at) from reading_packed;

-- packable_days: UTC days before a day, oldest first, of which something is not packed
select day
  from (select to_date(right(child.relname, 8), 'YYYYMMDD') as day
          from pg_inherits join pg_class child on child.oid = inhrelid
         where inhparent = 'reading'::regclass and child.relname ~ '^reading_[0-9]{8}$'
        union
        select (observed_at at time zone 'UTC')::date
          from reading_default
         where clock_flags = 0 and observed_at < %(before)s) waiting
 where day < (%(before)s at time zone 'UTC')::date
 order by day
 limit %(limit)s;

-- begin_packing: keeps writers from the rows of a day
select begin_packing(%(day)s);

-- unpacked_days: the day's readings as arrays, a row a device; with what was packed before where more has come since
select device_id, array_agg(observed_at), array_agg(received_at), array_agg(boot::bigint), array_agg(seq),
       array_agg(coalesce(latitude_deg, 'NaN')), array_agg(coalesce(longitude_deg, 'NaN')),
       array_agg(coalesce(altitude_m, 'NaN')), array_agg(coalesce(accuracy_m, 'NaN')),
       array_agg(coalesce(speed_mps, 'NaN')), array_agg(coalesce(heading_deg, 'NaN')),
       array_agg(coalesce(temperature_c, 'NaN')), array_agg(coalesce(humidity_pct, 'NaN')),
       array_agg(coalesce(pressure_hpa, 'NaN')), array_agg(coalesce(light_lux, 'NaN')),
       array_agg(coalesce(shock_g, 'NaN')), array_agg(coalesce(battery_pct, 'NaN')),
       case when count(door_open) > 0 then array_agg(door_open) end,
       case when count(extra) > 0 then array_agg(extra) end
  from (select distinct on (device_id, observed_at, boot, seq)
               device_id, observed_at, received_at, boot, seq, latitude_deg, longitude_deg, altitude_m, accuracy_m,
               speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux, shock_g, battery_pct,
               door_open, extra
          from (select device_id, observed_at, received_at, boot, seq, latitude_deg, longitude_deg, altitude_m,
                       accuracy_m, speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux,
                       shock_g, battery_pct, door_open, extra, false as is_new
                  from unpacked_reading
                 where begins_at = %(since)s
                   and device_id in (select device_id
                                       from reading
                                      where observed_at >= %(since)s and observed_at < %(until)s and clock_flags = 0)
                union all
                select device_id, observed_at, received_at, boot, seq, latitude_deg, longitude_deg, altitude_m,
                       accuracy_m, speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux,
                       shock_g, battery_pct, door_open, extra, true
                  from reading
                 where observed_at >= %(since)s and observed_at < %(until)s and clock_flags = 0) known
         order by device_id, observed_at, boot, seq, is_new) told
 group by device_id;

-- forget_packed: makes room for what replaces it
delete from reading_packed where begins_at = %(since)s and device_id = any(%(device_ids)s);

-- copy_packed: packed days
copy reading_packed (
  begins_at, device_id, readings, starts, steps, units, bases, divisors, observed_at, received_at, boot, seq,
  latitude_deg, longitude_deg, altitude_m, accuracy_m, speed_mps, heading_deg, temperature_c, humidity_pct,
  pressure_hpa, light_lux, shock_g, battery_pct, door_open, extra
) from stdin (format binary);

-- end_packing: removes what was packed
select end_packing(%(day)s);

-- columnstore_days: days before a day, oldest first, of which something is not in columnstore
select (range_start at time zone 'UTC')::date as day
  from timescaledb_information.chunks
 where hypertable_schema = 'public' and hypertable_name = 'reading' and range_end <= %(before)s
   and _timescaledb_functions.chunk_status(format('%%I.%%I', chunk_schema, chunk_name)::regclass) <> 1
   and current_setting('timescaledb.license') = 'timescale'
 order by day
 limit %(limit)s;

-- chunk_of_day: the chunk of a day
select format('%%I.%%I', chunk_schema, chunk_name)
  from timescaledb_information.chunks
 where hypertable_schema = 'public' and hypertable_name = 'reading' and range_start = %(since)s;

-- convert_chunk: a chunk into columnstore, with what came since it was converted before
call convert_to_columnstore(%(chunk)s::regclass);
