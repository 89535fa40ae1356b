-- fill: readings of every device at every instant of a span, in the order in which they would have come
insert into reading (
  observed_at, received_at, seq, device_id, boot, clock_flags, latitude_deg, longitude_deg, altitude_m, accuracy_m,
  speed_mps, heading_deg, temperature_c, humidity_pct, battery_pct, door_open
)
select at, at + (40 + 400 * random()) * interval '1 millisecond', extract(epoch from at)::bigint / 60, device_id, 1, 0,
       (51000000 + 500 * device_id + floor(100000 * random())) / 1e6, (4000000 + floor(100000 * random())) / 1e6,
       floor(3000 * random()) / 10, floor(90 * random()) / 10, floor(250 * random()) / 10, floor(3600 * random()) / 10,
       floor(100 * random() - 50) / 10, floor(300 * random() + 500) / 10, floor(30 * random() + 700) / 10,
       random() < 0.01
  from generate_series(%(since)s, %(until)s::timestamptz - interval '1 minute', interval '1 minute') at,
       (select device_id from device order by device_id) each;

-- fill_states: the state of every device as its readings leave it
insert into device_state (
  device_id, received_at, observed_at, boot, seq, battery_pct, door_open,
  position_observed_at, position_boot, position_seq, latitude_deg, longitude_deg, altitude_m, accuracy_m, speed_mps,
  heading_deg, temperature_observed_at, temperature_boot, temperature_seq, temperature_c, humidity_pct
)
select d.device_id, r.received_at, r.observed_at, r.boot, r.seq, r.battery_pct, r.door_open, r.observed_at, r.boot, r.seq,
       r.latitude_deg, r.longitude_deg, r.altitude_m, r.accuracy_m, r.speed_mps, r.heading_deg, r.observed_at, r.boot,
       r.seq, r.temperature_c, r.humidity_pct
  from device d
 cross join lateral (
   select received_at, observed_at, boot, seq, battery_pct, door_open, latitude_deg, longitude_deg, altitude_m,
          accuracy_m, speed_mps, heading_deg, temperature_c, humidity_pct
     from reading
    where reading.device_id = d.device_id
    order by observed_at desc, boot desc, seq desc
    limit 1) r;

-- fill_rollups: temperatures by quarter of an hour, as an ingestor adds them up
insert into reading_rollup (device_id, measure, begins_at, count, low, high, sum_millionths)
select device_id, %(measure)s, date_bin('15 minutes', observed_at, 'epoch') as begins_at, count(temperature_c),
       min(temperature_c), max(temperature_c), sum(round(temperature_c * 1e6)::bigint)
  from reading
 where observed_at >= %(since)s and observed_at < %(until)s
 group by device_id, begins_at;

-- day_digest: the readings of a day, bit for bit, in one number
select count(*), sum(hashtextextended(record_send(row(
         device_id, observed_at, received_at, boot, seq, clock_flags, latitude_deg, longitude_deg, altitude_m,
         accuracy_m, speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux, shock_g,
         battery_pct, door_open, extra))::text, 0)::numeric)
  from any_reading
 where filed_at >= %(since)s and filed_at < %(until)s and observed_at >= %(since)s and observed_at < %(until)s;

-- packed_size: bytes of everything that holds packed readings, and how many those are
select pg_total_relation_size('reading_packed'), sum(readings) from reading_packed;
