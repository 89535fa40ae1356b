-- prefer_indexes: whether this transaction may read whole tables where the planner thinks that quicker
select set_config('enable_seqscan', %(setting)s, true);

-- list_naming: events of the tenant that have at least one of some words
select e.event_id, e.epcis_id, e.event_time, e.record_time, e.canonical::text, e.context, e.body, e.declared_at
  from tenant_epcis_event e
 where e.terms @@ %(words)s::tsquery and e.record_time <= %(as_of)s;

-- list_declared: which of these eventIDs had been declared wrong; asked alone, so that no plan reads all declarations
select distinct d.epcis_id
  from epcis_event d
 where d.tenant_id = current_tenant() and d.epcis_id = any(%(epcis_ids)s::text[]) and d.declared_at is not null
   and d.record_time <= %(as_of)s;

-- list_told: events in which things of the graph have a part, that had not been declared wrong by then
select distinct event_id
  from trace_thing
 where node_id = any(%(nodes)s::uuid[])
   and (voided_at is null or voided_at > %(as_of)s) and record_time <= %(as_of)s;

-- list_events: events in the words in which they are indexed, looked up one by one
select e.event_id, e.epcis_id, e.event_time, e.record_time, e.canonical::text, c.content
  from unnest(%(event_ids)s::bigint[]) n (event_id)
 cross join lateral (
   select event_id, epcis_id, event_time, record_time, canonical, context_id
     from epcis_event
    where event_id = n.event_id
   offset 0) e
  left join epcis_context c on c.context_id = e.context_id;

-- list_recorded: events as they were sent and as they are indexed, looked up one by one
select e.event_id, e.epcis_id, e.event_time, e.record_time, e.canonical::text, c.content, e.body, e.declared_at
  from unnest(%(event_ids)s::bigint[]) n (event_id)
 cross join lateral (
   select event_id, epcis_id, event_time, record_time, canonical, context_id, body, declared_at
     from epcis_event
    where event_id = n.event_id
   offset 0) e
  left join epcis_context c on c.context_id = e.context_id;

-- list_declarations: those that events of these eventIDs were wrong
select e.event_id, e.epcis_id, e.event_time, e.record_time, e.canonical::text, c.content, e.body, e.declared_at
  from epcis_event e
  left join epcis_context c on c.context_id = e.context_id
 where e.tenant_id = current_tenant() and e.epcis_id = any(%(epcis_ids)s::text[]) and e.declared_at is not null;

-- list_places: what the tenant's sites are called, by GLN
select gln, name, address from site where gln = any(%(glns)s::text[]) order by gln, created_at desc, site_id;
