-- move_states: the latest of each device; equal times are decided by (boot, seq), so order of arrival does not matter
insert into device_state as s (
  device_id, received_at, observed_at, boot, seq, battery_pct, door_open,
  position_observed_at, position_boot, position_seq,
  latitude_deg, longitude_deg, altitude_m, accuracy_m, speed_mps, heading_deg,
  temperature_observed_at, temperature_boot, temperature_seq, temperature_c, humidity_pct
)
select * from unnest(
  %(device_id)b::int4[], %(received_at)b::timestamptz[],
  %(observed_at)b::timestamptz[], %(boot)b::int4[], %(seq)b::int8[], %(battery_pct)b::float8[], %(door_open)b::bool[],
  %(position_observed_at)b::timestamptz[], %(position_boot)b::int4[], %(position_seq)b::int8[],
  %(latitude_deg)b::float8[], %(longitude_deg)b::float8[], %(altitude_m)b::float8[], %(accuracy_m)b::float8[],
  %(speed_mps)b::float8[], %(heading_deg)b::float8[],
  %(temperature_observed_at)b::timestamptz[], %(temperature_boot)b::int4[], %(temperature_seq)b::int8[],
  %(temperature_c)b::float8[], %(humidity_pct)b::float8[]
)
on conflict (device_id) do update set
  received_at = greatest(s.received_at, excluded.received_at),
  (observed_at, boot, seq, battery_pct, door_open) = (
    select observed_at, boot, seq, battery_pct, door_open
      from (values (s.observed_at, s.boot, s.seq, s.battery_pct, s.door_open),
                   (excluded.observed_at, excluded.boot, excluded.seq, excluded.battery_pct, excluded.door_open))
           as known (observed_at, boot, seq, battery_pct, door_open)
     order by observed_at desc nulls last, boot desc, seq desc
     limit 1),
  (position_observed_at, position_boot, position_seq,
   latitude_deg, longitude_deg, altitude_m, accuracy_m, speed_mps, heading_deg) = (
    select observed_at, boot, seq, latitude_deg, longitude_deg, altitude_m, accuracy_m, speed_mps, heading_deg
      from (values (s.position_observed_at, s.position_boot, s.position_seq, s.latitude_deg, s.longitude_deg,
                    s.altitude_m, s.accuracy_m, s.speed_mps, s.heading_deg),
                   (excluded.position_observed_at, excluded.position_boot, excluded.position_seq,
                    excluded.latitude_deg, excluded.longitude_deg, excluded.altitude_m, excluded.accuracy_m,
                    excluded.speed_mps, excluded.heading_deg))
           as known (observed_at, boot, seq, latitude_deg, longitude_deg, altitude_m, accuracy_m, speed_mps,
                     heading_deg)
     order by observed_at desc nulls last, boot desc, seq desc
     limit 1),
  (temperature_observed_at, temperature_boot, temperature_seq, temperature_c, humidity_pct) = (
    select observed_at, boot, seq, temperature_c, humidity_pct
      from (values (s.temperature_observed_at, s.temperature_boot, s.temperature_seq, s.temperature_c, s.humidity_pct),
                   (excluded.temperature_observed_at, excluded.temperature_boot, excluded.temperature_seq,
                    excluded.temperature_c, excluded.humidity_pct))
           as known (observed_at, boot, seq, temperature_c, humidity_pct)
     order by observed_at desc nulls last, boot desc, seq desc
     limit 1);
