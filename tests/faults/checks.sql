-- stored: every reading, packed or not
select d.name, r.boot, r.seq, r.observed_at, r.received_at, r.clock_flags, r.latitude_deg, r.longitude_deg,
       r.altitude_m, r.accuracy_m, r.speed_mps, r.heading_deg, r.temperature_c, r.humidity_pct, r.pressure_hpa,
       r.light_lux, r.shock_g, r.battery_pct, r.door_open, r.extra
  from every_reading r join device d using (device_id);

-- define_every_reading: what the recomputations below go by
create or replace temporary view every_reading as
select device_id, boot, seq, observed_at, received_at, clock_flags, latitude_deg, longitude_deg, altitude_m, accuracy_m,
       speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux, shock_g, battery_pct, door_open,
       extra
  from reading
union all
select device_id, boot, seq, observed_at, received_at, clock_flags, latitude_deg, longitude_deg, altitude_m, accuracy_m,
       speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux, shock_g, battery_pct, door_open,
       extra
  from unpacked_reading;

-- numbers: the identities that are stored
select d.name, r.boot, r.seq from every_reading r join device d using (device_id);

-- wrong_states: devices whose state is not what their readings tell
with last as (
  select distinct on (device_id) device_id, observed_at, boot, seq, battery_pct, door_open
    from every_reading where clock_flags = 0
   order by device_id, observed_at desc, boot desc, seq desc
), place as (
  select distinct on (device_id) device_id, observed_at, boot, seq, latitude_deg, longitude_deg, altitude_m, accuracy_m,
         speed_mps, heading_deg
    from every_reading where clock_flags = 0 and latitude_deg is not null
   order by device_id, observed_at desc, boot desc, seq desc
), warmth as (
  select distinct on (device_id) device_id, observed_at, boot, seq, temperature_c, humidity_pct
    from every_reading where clock_flags = 0 and temperature_c is not null
   order by device_id, observed_at desc, boot desc, seq desc
), told as (
  select device_id, count(*) as readings, max(received_at) as received_at,
         min(observed_at) filter (where clock_flags = 0) as earliest
    from every_reading group by device_id
)
select d.name, to_jsonb(s) as state, to_jsonb(last) as last, to_jsonb(place) as place, to_jsonb(warmth) as warmth,
       to_jsonb(told) as told
  from told
  join device d using (device_id)
  left join device_state s using (device_id)
  left join last using (device_id)
  left join place using (device_id)
  left join warmth using (device_id)
 where s.device_id is null
    or s.received_at < told.received_at
    or s.received_at > now()
    or (s.readings, s.dirty_since, s.observed_at, s.boot, s.seq, s.battery_pct, s.door_open)
       is distinct from
       (told.readings, told.earliest, last.observed_at, last.boot, last.seq, last.battery_pct, last.door_open)
    or (s.position_observed_at, s.position_boot, s.position_seq, s.latitude_deg, s.longitude_deg, s.altitude_m,
        s.accuracy_m, s.speed_mps, s.heading_deg)
       is distinct from
       (place.observed_at, place.boot, place.seq, place.latitude_deg, place.longitude_deg, place.altitude_m,
        place.accuracy_m, place.speed_mps, place.heading_deg)
    or (s.temperature_observed_at, s.temperature_boot, s.temperature_seq, s.temperature_c, s.humidity_pct)
       is distinct from
       (warmth.observed_at, warmth.boot, warmth.seq, warmth.temperature_c, warmth.humidity_pct);

-- wrong_rollups: buckets that are not what the readings in them add up to, as they are and as they should be
with bucket as (
  select device_id, v.measure, date_bin('15 minutes', observed_at, timestamptz '1970-01-01 00:00Z') as begins_at,
         count(*)::integer as count, min(v.value) as low, max(v.value) as high,
         sum(round(v.value * 1000000))::bigint as sum_millionths
    from every_reading
   cross join lateral (values (1, speed_mps), (2, temperature_c), (3, humidity_pct), (4, pressure_hpa), (5, light_lux),
                              (6, shock_g), (7, battery_pct)) as v (measure, value)
   where clock_flags = 0 and v.value is not null
   group by 1, 2, 3
)
select to_jsonb(r) as kept, to_jsonb(b) as expected
  from reading_rollup r full join bucket b using (device_id, measure, begins_at)
 where (r.count, r.low, r.high, r.sum_millionths) is distinct from (b.count, b.low, b.high, b.sum_millionths);

-- wrong_sequences: sets of numbers that are not those of what is stored or excused
with number as (
  select device_id, boot, seq from every_reading where boot > 0
  union
  select device_id, e.boot, e.seq
    from unnest(%(names)s::text[], %(boots)s::integer[], %(seqs)s::bigint[]) as e (name, boot, seq)
    join device using (name)
), expected as (
  select device_id, boot, range_agg(int8range(seq, seq, '[]')) as seqs from number group by device_id, boot
), kept as (
  select device_id, boot, range_agg(seqs) as seqs, count(*) = max(pages) filter (where since = 0) as is_whole
    from device_sequence group by device_id, boot
)
select to_jsonb(s) as kept, to_jsonb(e) as expected
  from kept s full join expected e using (device_id, boot)
 where s.seqs is distinct from e.seqs or not is_whole;

-- quarantined: what was set aside
select device, payload, reason from quarantine;

-- counts: how many readings each device has
select d.name, s.readings from device_state s join device d using (device_id);
