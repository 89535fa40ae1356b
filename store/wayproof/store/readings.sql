-- copy_in: rows straight into the table; one that is stored already fails them all
copy reading (
  observed_at, received_at, seq, device_id, boot, clock_flags, latitude_deg, longitude_deg, altitude_m, accuracy_m,
  speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux, shock_g, battery_pct, door_open, extra
) from stdin (format binary);

-- create_staging: this session's own place for rows some of which may be stored already; empties itself at commit
create temporary table if not exists reading_staging (like reading) on commit delete rows;

-- empty_staging: forgets what an earlier part of the same transaction staged
truncate reading_staging;

-- copy_to_staging: the same rows into the staging table
copy reading_staging (
  observed_at, received_at, seq, device_id, boot, clock_flags, latitude_deg, longitude_deg, altitude_m, accuracy_m,
  speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux, shock_g, battery_pct, door_open, extra
) from stdin (format binary);

-- insert_staged: stores the staged rows that are new, and tells their identities
insert into reading (
  observed_at, received_at, seq, device_id, boot, clock_flags, latitude_deg, longitude_deg, altitude_m, accuracy_m,
  speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux, shock_g, battery_pct, door_open, extra
)
select observed_at, received_at, seq, device_id, boot, clock_flags, latitude_deg, longitude_deg, altitude_m,
       accuracy_m, speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux, shock_g, battery_pct,
       door_open, extra
  from reading_staging
on conflict (device_id, observed_at, boot, seq) do nothing
returning device_id, observed_at, boot, seq;

-- packed_identities: which of these readings stand in packed days, which nobody packs until this transaction ends
select device_id, observed_at, boot, seq from packed_identities(%(device_ids)s, %(observed_ats)s, %(boots)s, %(seqs)s);
