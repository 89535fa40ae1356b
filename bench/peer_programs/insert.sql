-- A batch in one statement, each column as one array; a reading that is stored already stays as it is.
insert into reading (
  observed_at, received_at, device_id, boot, seq, clock_flags, latitude_deg, longitude_deg, speed_mps, heading_deg,
  temperature_c, humidity_pct, battery_pct
)
select to_timestamp(observed_ms / 1000.0), now(), device_id, boot, seq, 0, latitude_deg, longitude_deg, speed_mps,
       heading_deg, temperature_c, humidity_pct, battery_pct
  from unnest($1::int[], $2::bigint[], $3::int[], $4::bigint[], $5::float8[], $6::float8[], $7::float8[], $8::float8[],
              $9::float8[], $10::float8[], $11::float8[])
       as told (device_id, observed_ms, boot, seq, latitude_deg, longitude_deg, speed_mps, heading_deg, temperature_c,
                humidity_pct, battery_pct)
on conflict (device_id, observed_at, boot, seq) do nothing
