-- prefer_indexes: whether this transaction may read whole tables where the planner thinks that quicker
select set_config('enable_seqscan', %(setting)s, true);

-- list_naming: events of the tenant that have at least one of some words, in order of time
select e.event_id, e.epcis_id, e.event_time, e.record_time, e.declared_at, e.body, e.canonical::text as canonical, e.context,
       e.declared_at is null and exists (
         select from epcis_event d
          where d.tenant_id = current_tenant() and d.epcis_id = e.epcis_id and d.declared_at is not null
            and d.record_time <= %(as_of)s
       ) as is_void
  from tenant_epcis_event e
 where e.terms @@ %(words)s::tsquery and e.record_time <= %(as_of)s
 order by e.event_time, e.record_time, e.event_id;

-- list_places: what the tenant's sites are called, by GLN
select gln, name, address from site where gln = any(%(glns)s::text[]) order by gln, created_at desc, site_id;
