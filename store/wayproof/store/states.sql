-- move_states: the latest of each device; equal times are decided by (boot, seq), so order of arrival does not matter
insert into device_state as s (
  device_id, received_at, observed_at, boot, seq, battery_pct, door_open,
  position_observed_at, position_boot, position_seq,
  latitude_deg, longitude_deg, altitude_m, accuracy_m, speed_mps, heading_deg,
  temperature_observed_at, temperature_boot, temperature_seq, temperature_c, humidity_pct, readings, dirty_since
)
select device_id, received_at,
       -- Boot 0 is told by devices that count nothing: it must stay comparable, or the last to come would win ties.
       nullif(observed_at, '-infinity'), case when observed_at > '-infinity' then boot end,
       case when observed_at > '-infinity' then seq end, nullif(battery_pct, 'NaN'),
       nullif(door_open, -1)::boolean,
       nullif(position_observed_at, '-infinity'), case when position_observed_at > '-infinity' then position_boot end,
       case when position_observed_at > '-infinity' then position_seq end,
       nullif(latitude_deg, 'NaN'), nullif(longitude_deg, 'NaN'), nullif(altitude_m, 'NaN'), nullif(accuracy_m, 'NaN'),
       nullif(speed_mps, 'NaN'), nullif(heading_deg, 'NaN'),
       nullif(temperature_observed_at, '-infinity'),
       case when temperature_observed_at > '-infinity' then temperature_boot end,
       case when temperature_observed_at > '-infinity' then temperature_seq end,
       nullif(temperature_c, 'NaN'), nullif(humidity_pct, 'NaN'), readings, nullif(dirty_since, '-infinity')
  from unnest(
    %(device_id)s, %(received_at)s, %(observed_at)s, %(boot)s, %(seq)s, %(battery_pct)s, %(door_open)s,
    %(position_observed_at)s, %(position_boot)s, %(position_seq)s,
    %(latitude_deg)s, %(longitude_deg)s, %(altitude_m)s, %(accuracy_m)s, %(speed_mps)s, %(heading_deg)s,
    %(temperature_observed_at)s, %(temperature_boot)s, %(temperature_seq)s, %(temperature_c)s, %(humidity_pct)s,
    %(readings)s, %(dirty_since)s
  ) as told (
    device_id, received_at, observed_at, boot, seq, battery_pct, door_open,
    position_observed_at, position_boot, position_seq,
    latitude_deg, longitude_deg, altitude_m, accuracy_m, speed_mps, heading_deg,
    temperature_observed_at, temperature_boot, temperature_seq, temperature_c, humidity_pct, readings, dirty_since)
on conflict (device_id) do update set
  received_at = greatest(s.received_at, excluded.received_at),
  readings = s.readings + excluded.readings,
  dirty_since = least(s.dirty_since, excluded.dirty_since),
  observed_at = case when is_newer(excluded.observed_at, excluded.boot, excluded.seq, s.observed_at, s.boot, s.seq)
    then excluded.observed_at else s.observed_at end,
  boot = case when is_newer(excluded.observed_at, excluded.boot, excluded.seq, s.observed_at, s.boot, s.seq)
    then excluded.boot else s.boot end,
  seq = case when is_newer(excluded.observed_at, excluded.boot, excluded.seq, s.observed_at, s.boot, s.seq)
    then excluded.seq else s.seq end,
  battery_pct = case when is_newer(excluded.observed_at, excluded.boot, excluded.seq, s.observed_at, s.boot, s.seq)
    then excluded.battery_pct else s.battery_pct end,
  door_open = case when is_newer(excluded.observed_at, excluded.boot, excluded.seq, s.observed_at, s.boot, s.seq)
    then excluded.door_open else s.door_open end,
  position_observed_at = case when is_newer(
    excluded.position_observed_at, excluded.position_boot, excluded.position_seq,
    s.position_observed_at, s.position_boot, s.position_seq)
    then excluded.position_observed_at else s.position_observed_at end,
  position_boot = case when is_newer(
    excluded.position_observed_at, excluded.position_boot, excluded.position_seq,
    s.position_observed_at, s.position_boot, s.position_seq)
    then excluded.position_boot else s.position_boot end,
  position_seq = case when is_newer(
    excluded.position_observed_at, excluded.position_boot, excluded.position_seq,
    s.position_observed_at, s.position_boot, s.position_seq)
    then excluded.position_seq else s.position_seq end,
  latitude_deg = case when is_newer(
    excluded.position_observed_at, excluded.position_boot, excluded.position_seq,
    s.position_observed_at, s.position_boot, s.position_seq)
    then excluded.latitude_deg else s.latitude_deg end,
  longitude_deg = case when is_newer(
    excluded.position_observed_at, excluded.position_boot, excluded.position_seq,
    s.position_observed_at, s.position_boot, s.position_seq)
    then excluded.longitude_deg else s.longitude_deg end,
  altitude_m = case when is_newer(
    excluded.position_observed_at, excluded.position_boot, excluded.position_seq,
    s.position_observed_at, s.position_boot, s.position_seq)
    then excluded.altitude_m else s.altitude_m end,
  accuracy_m = case when is_newer(
    excluded.position_observed_at, excluded.position_boot, excluded.position_seq,
    s.position_observed_at, s.position_boot, s.position_seq)
    then excluded.accuracy_m else s.accuracy_m end,
  speed_mps = case when is_newer(
    excluded.position_observed_at, excluded.position_boot, excluded.position_seq,
    s.position_observed_at, s.position_boot, s.position_seq)
    then excluded.speed_mps else s.speed_mps end,
  heading_deg = case when is_newer(
    excluded.position_observed_at, excluded.position_boot, excluded.position_seq,
    s.position_observed_at, s.position_boot, s.position_seq)
    then excluded.heading_deg else s.heading_deg end,
  temperature_observed_at = case when is_newer(
    excluded.temperature_observed_at, excluded.temperature_boot, excluded.temperature_seq,
    s.temperature_observed_at, s.temperature_boot, s.temperature_seq)
    then excluded.temperature_observed_at else s.temperature_observed_at end,
  temperature_boot = case when is_newer(
    excluded.temperature_observed_at, excluded.temperature_boot, excluded.temperature_seq,
    s.temperature_observed_at, s.temperature_boot, s.temperature_seq)
    then excluded.temperature_boot else s.temperature_boot end,
  temperature_seq = case when is_newer(
    excluded.temperature_observed_at, excluded.temperature_boot, excluded.temperature_seq,
    s.temperature_observed_at, s.temperature_boot, s.temperature_seq)
    then excluded.temperature_seq else s.temperature_seq end,
  temperature_c = case when is_newer(
    excluded.temperature_observed_at, excluded.temperature_boot, excluded.temperature_seq,
    s.temperature_observed_at, s.temperature_boot, s.temperature_seq)
    then excluded.temperature_c else s.temperature_c end,
  humidity_pct = case when is_newer(
    excluded.temperature_observed_at, excluded.temperature_boot, excluded.temperature_seq,
    s.temperature_observed_at, s.temperature_boot, s.temperature_seq)
    then excluded.humidity_pct else s.humidity_pct end;
