-- list_spans: when devices of the tenant rode with a shipment within a span, in order of name and time
select d.name as device, greatest(lower(a.during), %(since)s) as begins_at,
       least(upper(a.during), s.delivered_at, s.cancelled_at, %(until)s) as ends_at
  from shipment s
  join assignment a using (shipment_id)
  join device d using (device_id)
 where s.shipment_id = %(shipment_id)s
   and greatest(lower(a.during), %(since)s) < least(upper(a.during), s.delivered_at, s.cancelled_at, %(until)s)
 order by d.name collate "C", begins_at;

-- list_readings: readings of one device of the tenant within a span that we had received by the cutoff
select observed_at, received_at, boot, seq, clock_flags, latitude_deg, longitude_deg, altitude_m, accuracy_m,
       speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux, shock_g, battery_pct, door_open,
       extra
  from tenant_reading
 where device_id = (select device_id from device where name = %(device)s)
   and observed_at >= %(since)s and observed_at < %(until)s
   and filed_at > %(since)s::timestamptz - interval '24 hours' and filed_at < %(until)s
   and received_at <= %(cutoff)s
 order by observed_at, boot, seq;

-- find_reading: one reading of a device of the tenant
select observed_at, received_at, boot, seq, clock_flags, latitude_deg, longitude_deg, altitude_m, accuracy_m,
       speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux, shock_g, battery_pct, door_open,
       extra
  from tenant_reading
 where device_id = (select device_id from device where name = %(device)s)
   and observed_at = %(observed_at)s and boot = %(boot)s and seq = %(seq)s
   and filed_at > %(observed_at)s::timestamptz - interval '24 hours' and filed_at <= %(observed_at)s;

-- create_evidence: the id of evidence as it is stored
insert into evidence (tenant_id, legs, cutoff, root, leaf_hashes)
values (%(tenant_id)s, %(legs)s, %(cutoff)s, %(root)s, %(leaf_hashes)s)
returning evidence_id;

-- get_evidence: evidence that a handoff names
select evidence_id, tenant_id, legs, cutoff, root, leaf_hashes from evidence where evidence_id = %(evidence_id)s;
