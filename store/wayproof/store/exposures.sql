-- hot_spans: spans of quarters of an hour with a value beyond the limit, by the rollups; one span where no reading parts two
with hot as (
  select device_id, begins_at, lag(begins_at) over (partition by device_id order by begins_at) as before
    from tenant_reading_rollup
   where device_id = any(%(device_ids)s::integer[]) and measure = %(measure)s
     and begins_at > %(since)s::timestamptz - interval '15 minutes' and begins_at < %(until)s
     and (high > %(above)s or low < %(below)s)
), marked as (
  select hot.device_id, hot.begins_at,
         hot.before is null or hot.before + interval '15 minutes' < hot.begins_at and exists (
           select from tenant_reading r
            where r.device_id = hot.device_id
              and r.observed_at >= hot.before + interval '15 minutes' and r.observed_at < hot.begins_at
              and r.filed_at > hot.before - interval '24 hours' and r.filed_at < hot.begins_at
              and r.clock_flags = 0 and r.temperature_c is not null and r.received_at <= %(as_of)s
         ) as is_first
    from hot
), numbered as (
  select device_id, begins_at, count(*) filter (where is_first) over (partition by device_id order by begins_at) as span
    from marked
)
select device_id, min(begins_at), max(begins_at) + interval '15 minutes'
  from numbered
 group by device_id, span
 order by device_id, span;

-- plain_hot_spans: the same by every reading; what the rollups spare
with hot as (
  select distinct r.device_id, date_bin('15 minutes', r.observed_at, 'epoch') as begins_at
    from tenant_reading r
   where r.device_id = any(%(device_ids)s::integer[]) and r.clock_flags = 0 and r.received_at <= %(as_of)s
     and r.observed_at >= %(since)s and r.observed_at < %(until)s
     and r.filed_at > %(since)s::timestamptz - interval '24 hours' and r.filed_at < %(until)s
     and (r.temperature_c > %(above)s or r.temperature_c < %(below)s)
), ordered as (
  select device_id, begins_at, lag(begins_at) over (partition by device_id order by begins_at) as before from hot
), marked as (
  select hot.device_id, hot.begins_at,
         hot.before is null or hot.before + interval '15 minutes' < hot.begins_at and exists (
           select from tenant_reading r
            where r.device_id = hot.device_id
              and r.observed_at >= hot.before + interval '15 minutes' and r.observed_at < hot.begins_at
              and r.filed_at > hot.before - interval '24 hours' and r.filed_at < hot.begins_at
              and r.clock_flags = 0 and r.temperature_c is not null and r.received_at <= %(as_of)s
         ) as is_first
    from ordered hot
), numbered as (
  select device_id, begins_at, count(*) filter (where is_first) over (partition by device_id order by begins_at) as span
    from marked
)
select device_id, min(begins_at), max(begins_at) + interval '15 minutes'
  from numbered
 group by device_id, span
 order by device_id, span;

-- readings: what devices measured within spans, by plausible clocks, in order of time
select span.place - 1, r.observed_at, r.temperature_c
  from unnest(%(device_ids)s::integer[], %(sinces)s::timestamptz[], %(untils)s::timestamptz[]) with ordinality
         span (device_id, since, until, place)
 cross join lateral (
   select observed_at, temperature_c, boot, seq
     from tenant_reading
    where device_id = span.device_id and observed_at >= span.since and observed_at < span.until
      and filed_at > span.since - interval '24 hours' and filed_at < span.until
      and clock_flags = 0 and temperature_c is not null and received_at <= %(as_of)s
   offset 0) r -- keeps the planner from joining the spans to a scan of all readings
 order by span.place, r.observed_at, r.boot, r.seq;

-- rode_with: the shipments that devices were really on within spans, and when
select span.place - 1, s.shipment_id, s.reference, greatest(span.since, lower(a.during)),
       least(span.until, upper(a.during), s.delivered_at, s.cancelled_at)
  from unnest(%(device_ids)s::integer[], %(sinces)s::timestamptz[], %(untils)s::timestamptz[]) with ordinality
         span (device_id, since, until, place)
  join assignment a on a.device_id = span.device_id and a.during && tstzrange(span.since, span.until)
  join shipment s using (shipment_id)
 where greatest(span.since, lower(a.during)) < least(span.until, upper(a.during), s.delivered_at, s.cancelled_at)
 order by span.place, s.shipment_id, 4;

-- seen_at: things of events at a place within a span, and things whose last event before it was there
with there as materialized (
  select event_id, event_time
    from tenant_epcis_event
   where terms @@ %(near)s::tsquery and event_time < %(until)s and record_time <= %(as_of)s
     and (biz_location = %(place)s or biz_location like %(below)s
          or event_time >= %(since)s and (read_point = %(place)s or read_point like %(below)s))
), thing as materialized (
  select t.node_id, max(there.event_time) as last_there
    from there
    join trace_thing t using (event_id)
   where t.role <> 'e' and (t.voided_at is null or t.voided_at > %(as_of)s) and t.record_time <= %(as_of)s
   group by t.node_id
)
select thing.node_id
  from thing
 where thing.last_there >= %(since)s or not exists (
   select from trace_thing n
    cross join lateral (select biz_location from epcis_event where event_id = n.event_id offset 0) e
    where n.node_id = thing.node_id and n.event_time > thing.last_there and n.event_time <= %(since)s
      and (n.voided_at is null or n.voided_at > %(as_of)s) and n.record_time <= %(as_of)s
      and e.biz_location is not null and e.biz_location <> %(place)s and e.biz_location not like %(below)s
   offset 0); -- once a thing, by its index: joined with all of them, it would be the whole journal

-- came_from: things of events that name a party or place as a source, or that were made or shipped there, within a span
select t.node_id, min(e.event_time)
  from tenant_epcis_event e
  join trace_thing t using (event_id)
 where e.event_time >= %(since)s and e.event_time < %(until)s and e.record_time <= %(as_of)s
   and t.role not in ('e', 'i') and (t.voided_at is null or t.voided_at > %(as_of)s) and t.record_time <= %(as_of)s
   and e.terms @@ (%(words)s::tsquery || %(near)s::tsquery)
   and (e.terms @@ %(words)s::tsquery
        or (e.read_point = %(place)s or e.read_point like %(below)s or e.biz_location = %(place)s or e.biz_location like %(below)s)
           and (e.biz_step = any(%(steps)s::text[]) or t.role = 't' or t.role = 'o' and t.action = 'ADD'))
 group by t.node_id;

-- is_told_of: whether any event has one of the words
select exists (select from tenant_epcis_event where terms @@ %(words)s::tsquery and record_time <= %(as_of)s);

-- newest_record: record time of the newest event; none where there is none
select max(record_time) from epcis_event where tenant_id = current_tenant();

-- device_ids: numbers and names of the tenant's devices, or of the one of that name
select device_id, name from device where %(name)s::text is null or name = %(name)s order by device_id;
