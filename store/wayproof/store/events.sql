-- lock_journal: makes writers of one tenant wait for each other until the transaction ends; when that has come about.
-- What a document needs is looked up one by one: without statistics the planner would read whole tables for it
select set_config('lock_timeout', '25s', true), -- others may be writing a large document
       set_config('enable_bitmapscan', 'off', true),
       set_config('enable_seqscan', 'off', true),
       set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true),
       pg_advisory_xact_lock(hashtextextended('epcis ' || %(tenant_id)s, 0)),
       clock_timestamp();

-- find_known: which of these eventIDs the journal has, looked up one by one although it may have no statistics as yet
select e.epcis_id, e.declared_at
  from unnest(%(epcis_ids)s::text[]) n (epcis_id)
 cross join lateral (
   select epcis_id, declared_at
     from epcis_event
    where tenant_id = %(tenant_id)s and epcis_id = n.epcis_id
   offset 0) e;

-- add_context: keeps a context that is new
insert into epcis_context (digest, content) values (%(digest)s, %(content)s) on conflict do nothing;

-- get_context: the number of a context
select context_id from epcis_context where digest = %(digest)s;

-- reserve: numbers for events, in ascending order
select nextval(s.sequence)
  from (select pg_get_serial_sequence('epcis_event', 'event_id')::regclass as sequence offset 0) s,
       generate_series(1, %(count)s);

-- add_events: appends events to the journal
insert into epcis_event (
  event_id, tenant_id, capture_id, epcis_id, event_type, action, event_time, record_time, biz_step, disposition,
  read_point, biz_location, declared_at, context_id, body, canonical, terms
)
overriding system value
select n.event_id, %(tenant_id)s, %(capture_id)s, n.epcis_id, n.event_type, n.action, n.event_time, %(record_time)s,
       n.biz_step, n.disposition, n.read_point, n.biz_location, nullif(n.declared_at, '-infinity'), %(context_id)s, n.body,
       n.canonical::jsonb, array_to_tsvector(string_to_array(n.terms, ' '))
  from unnest(
    %(event_id)s::bigint[], %(epcis_id)s::text[], %(event_type)s::text[], %(action)s::text[],
    %(event_time)s::timestamptz[], %(biz_step)s::text[], %(disposition)s::text[], %(read_point)s::text[],
    %(biz_location)s::text[], %(declared_at)s::timestamptz[], %(body)s::text[], %(canonical)s::text[],
    %(terms)s::text[]
  ) n (event_id, epcis_id, event_type, action, event_time, biz_step, disposition, read_point, biz_location,
       declared_at, body, canonical, terms);

-- add_numbers: what queries compare of events just added
insert into event_number (event_id, tenant_id, field, dimension, value)
select n.event_id, %(tenant_id)s, n.field, n.dimension, n.value
  from unnest(%(event_id)s::bigint[], %(field)s::text[], %(dimension)s::text[], %(value)s::double precision[])
         n (event_id, field, dimension, value);

-- add_values: keeps values of events just added that are new
insert into epcis_value (tenant_id, vocabulary, value)
select %(tenant_id)s, n.vocabulary, n.value
  from unnest(%(vocabulary)s::text[], %(value)s::text[]) n (vocabulary, value)
    on conflict do nothing;

-- get_events: everything with this eventID: the event, and declarations that it was wrong
select e.event_id, e.epcis_id, e.record_time, e.body, c.content as context
  from epcis_event e
  left join epcis_context c on c.context_id = e.context_id
 where e.tenant_id = current_tenant() and e.epcis_id = %(epcis_id)s
 order by e.event_id;
