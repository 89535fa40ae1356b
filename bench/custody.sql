-- fill: a reading a second of one device
insert into reading (observed_at, received_at, seq, device_id, boot, clock_flags, latitude_deg, longitude_deg,
                     speed_mps, heading_deg, temperature_c, humidity_pct, battery_pct)
select %(since)s::timestamptz + n * interval '1 second', %(since)s::timestamptz + n * interval '1 second', n, device_id,
       1, 0, 50 + n / 1e6, 5 + n / 1e6, 20 + n %% 7, n %% 360, 4 + (n %% 100) / 50.0, 60 + n %% 9, 90
  from device, generate_series(1, %(count)s) as n;
