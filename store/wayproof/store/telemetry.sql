-- list_states: the latest that each of some devices of the tenant told
select d.name as device, s.received_at, s.observed_at, s.battery_pct, s.door_open, s.position_observed_at,
       s.latitude_deg, s.longitude_deg, s.altitude_m, s.accuracy_m, s.speed_mps, s.heading_deg,
       s.temperature_observed_at, s.temperature_c, s.humidity_pct
  from tenant_device_state s join device d using (device_id)
 where s.device_id = any(%(device_ids)s);

-- list_readings: readings of one device in order of observation, those with a wrong clock as well
with loose as (
  select observed_at, received_at, boot, seq, clock_flags, latitude_deg, longitude_deg, altitude_m, accuracy_m,
         speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux, shock_g, battery_pct, door_open,
         extra
    from tenant_reading
   where not is_packed and device_id = %(device_id)s
     -- The first condition repeats what the second implies: it is the one by which days are left out.
     and observed_at >= %(since)s
     and (observed_at, boot, seq) > (%(since)s, %(after_boot)s, %(after_seq)s)
     and observed_at < %(until)s
   order by observed_at, boot, seq
   limit %(limit)s
),
packed as (
  select r.observed_at, r.received_at, r.boot, r.seq, r.clock_flags, r.latitude_deg, r.longitude_deg, r.altitude_m,
         r.accuracy_m, r.speed_mps, r.heading_deg, r.temperature_c, r.humidity_pct, r.pressure_hpa, r.light_lux,
         r.shock_g, r.battery_pct, r.door_open, r.extra
    from (select filed_at
            from tenant_packed_day
           where device_id = %(device_id)s
             and filed_at > %(since)s::timestamptz - interval '24 hours' and filed_at < %(until)s
           order by filed_at
          offset 0) day -- keeps the order, so that the next day is unpacked only if this one was not enough
   cross join lateral (
     select observed_at, received_at, boot, seq, clock_flags, latitude_deg, longitude_deg, altitude_m, accuracy_m,
            speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux, shock_g, battery_pct,
            door_open, extra
       from tenant_reading
      where is_packed and device_id = %(device_id)s and filed_at = day.filed_at
        and (observed_at, boot, seq) > (%(since)s, %(after_boot)s, %(after_seq)s)
        and observed_at < %(until)s
      order by observed_at, boot, seq
      limit %(limit)s) r
   order by day.filed_at
   limit %(limit)s
)
table loose union all table packed
order by observed_at, boot, seq
limit %(limit)s;

-- list_legs: when which devices really were on a shipment, in order of time
select d.name as device, a.device_id, lower(a.during) as begins_at,
       least(upper(a.during), s.delivered_at, s.cancelled_at) as ends_at
  from shipment s
  join assignment a using (shipment_id)
  join device d using (device_id)
 where s.shipment_id = %(shipment_id)s
   and lower(a.during) < coalesce(least(s.delivered_at, s.cancelled_at), 'infinity')
 order by begins_at, a.assignment_id;

-- latest_positions: the newest position of each shipment, out of the legs of its devices
with leg as (
  select s.shipment_id, a.device_id, lower(a.during) as begins_at,
         coalesce(least(upper(a.during), s.delivered_at, s.cancelled_at), 'infinity') as ends_at
    from shipment s join assignment a using (shipment_id)
   where s.shipment_id = any(%(shipment_ids)s)
)
select distinct on (leg.shipment_id)
       leg.shipment_id, d.name as device, p.observed_at, p.latitude_deg, p.longitude_deg, p.altitude_m, p.accuracy_m,
       p.speed_mps, p.heading_deg
  from leg
  join device d using (device_id)
  join tenant_device_state s using (device_id)
  cross join lateral (
    select s.position_observed_at as observed_at, s.latitude_deg, s.longitude_deg, s.altitude_m, s.accuracy_m,
           s.speed_mps, s.heading_deg
     where s.position_observed_at >= leg.begins_at and s.position_observed_at < leg.ends_at
    union all
    -- The device has moved on: its present position is none of ours, the last one within the leg is.
    (select r.observed_at, r.latitude_deg, r.longitude_deg, r.altitude_m, r.accuracy_m, r.speed_mps, r.heading_deg
       from tenant_reading r
      where s.position_observed_at >= leg.ends_at and not r.is_packed
        and r.device_id = leg.device_id and r.observed_at >= leg.begins_at and r.observed_at < leg.ends_at
        and r.clock_flags = 0 and r.latitude_deg is not null
      order by r.observed_at desc, r.boot desc, r.seq desc
      limit 1)
    union all
    (select r.observed_at, r.latitude_deg, r.longitude_deg, r.altitude_m, r.accuracy_m, r.speed_mps, r.heading_deg
       from (select filed_at
               from tenant_packed_day
              where s.position_observed_at >= leg.ends_at and device_id = leg.device_id
                and filed_at > leg.begins_at - interval '24 hours' and filed_at < leg.ends_at
              order by filed_at desc
             offset 0) day -- as in list_readings
      cross join lateral (
        select observed_at, latitude_deg, longitude_deg, altitude_m, accuracy_m, speed_mps, heading_deg
          from tenant_reading
         where is_packed and device_id = leg.device_id and filed_at = day.filed_at
           and observed_at >= leg.begins_at and observed_at < leg.ends_at and latitude_deg is not null
         order by observed_at desc, boot desc, seq desc
         limit 1) r
      order by day.filed_at desc
      limit 1)) p
 order by leg.shipment_id, p.observed_at desc, leg.device_id;

-- latest_climates: the newest temperature of each shipment, out of the legs of its devices
with leg as (
  select s.shipment_id, a.device_id, lower(a.during) as begins_at,
         coalesce(least(upper(a.during), s.delivered_at, s.cancelled_at), 'infinity') as ends_at
    from shipment s join assignment a using (shipment_id)
   where s.shipment_id = any(%(shipment_ids)s)
)
select distinct on (leg.shipment_id)
       leg.shipment_id, d.name as device, p.observed_at, p.temperature_c, p.humidity_pct
  from leg
  join device d using (device_id)
  join tenant_device_state s using (device_id)
  cross join lateral (
    select s.temperature_observed_at as observed_at, s.temperature_c, s.humidity_pct
     where s.temperature_observed_at >= leg.begins_at and s.temperature_observed_at < leg.ends_at
    union all
    (select r.observed_at, r.temperature_c, r.humidity_pct
       from tenant_reading r
      where s.temperature_observed_at >= leg.ends_at and not r.is_packed
        and r.device_id = leg.device_id and r.observed_at >= leg.begins_at and r.observed_at < leg.ends_at
        and r.clock_flags = 0 and r.temperature_c is not null
      order by r.observed_at desc, r.boot desc, r.seq desc
      limit 1)
    union all
    (select r.observed_at, r.temperature_c, r.humidity_pct
       from (select filed_at
               from tenant_packed_day
              where s.temperature_observed_at >= leg.ends_at and device_id = leg.device_id
                and filed_at > leg.begins_at - interval '24 hours' and filed_at < leg.ends_at
              order by filed_at desc
             offset 0) day -- as in list_readings
      cross join lateral (
        select observed_at, temperature_c, humidity_pct
          from tenant_reading
         where is_packed and device_id = leg.device_id and filed_at = day.filed_at
           and observed_at >= leg.begins_at and observed_at < leg.ends_at and temperature_c is not null
         order by observed_at desc, boot desc, seq desc
         limit 1) r
      order by day.filed_at desc
      limit 1)) p
 order by leg.shipment_id, p.observed_at desc, leg.device_id;

-- list_track: positions of one device within a span: all, or every n-th and the last, so that max_points are enough
select observed_at, latitude_deg, longitude_deg
  from (select observed_at, latitude_deg, longitude_deg,
               row_number() over (order by observed_at, boot, seq) as place, count(*) over () as total
          from tenant_reading
         where device_id = %(device_id)s and observed_at >= %(since)s and observed_at < %(until)s
           and filed_at > %(since)s::timestamptz - interval '24 hours' and filed_at < %(until)s
           and clock_flags = 0 and latitude_deg is not null) fix
 where (place - 1) %% greatest(1, ceil((total - 1)::numeric / (%(max_points)s - 1)))::bigint = 0 or place = total
 order by place;

-- list_buckets: one measure of several devices within their spans, over buckets that begin at multiples of their width
with span as (
  -- Whole quarters of an hour within a span come out of the rollups, what is left at its ends out of the readings.
  select device, device_id, since, until,
         date_bin(%(width)s, since + %(width)s - interval '1 microsecond', 'epoch') as whole_since,
         date_bin(%(width)s, until, 'epoch') as whole_until
    from unnest(%(devices)s::text[], %(device_ids)s::integer[], %(sinces)s::timestamptz[], %(untils)s::timestamptz[])
         as span (device, device_id, since, until)
),
loose as (
  select device, device_id, since, coalesce(least(whole_since, until), until) as until from span
  union all
  select device, device_id, greatest(whole_until, whole_since), until from span where whole_until >= whole_since
),
value as (
  select loose.device, r.observed_at as at, r.measure as low, r.measure as high,
         round(r.measure * 1e6)::bigint as millionths, 1 as count
    from loose
   cross join lateral (
     select observed_at,
            case %(measure)s
              when 'altitude_m' then altitude_m
              when 'accuracy_m' then accuracy_m
              when 'speed_mps' then speed_mps
              when 'temperature_c' then temperature_c
              when 'humidity_pct' then humidity_pct
              when 'pressure_hpa' then pressure_hpa
              when 'light_lux' then light_lux
              when 'shock_g' then shock_g
              when 'battery_pct' then battery_pct
            end as measure
       from tenant_reading
      where device_id = loose.device_id and observed_at >= loose.since and observed_at < loose.until
        and filed_at > loose.since - interval '24 hours' and filed_at < loose.until
        and clock_flags = 0
     offset 0) r -- keeps the planner from joining the spans to a scan of all readings
   where loose.since < loose.until and r.measure is not null
  union all
  select span.device, r.begins_at, r.low, r.high, r.sum_millionths, r.count
    from span
   cross join lateral (
     select begins_at, low, high, sum_millionths, count
       from tenant_reading_rollup
      where device_id = span.device_id and measure = %(rolled_up)s
        and begins_at >= span.whole_since and begins_at < span.whole_until
     offset 0) r
)
select device, date_bin(make_interval(secs => %(bucket_s)s), at, 'epoch') as begins_at,
       min(low) as min, (sum(millionths) / 1e6)::double precision / sum(count) as mean, max(high) as max,
       sum(count) as count
  from value
 group by device, begins_at
 order by device, begins_at
 limit %(limit)s;
