-- add_nodes: identifiers that are new
insert into trace_node (node_id, tenant_id, uri)
select n.node_id, %(tenant_id)s, n.uri
  from unnest(%(node_id)s::uuid[], %(uri)s::text[]) n (node_id, uri)
    on conflict do nothing;

-- add_things: parts of things in events
insert into trace_thing (
  tenant_id, event_id, node_id, role, hub_id, is_association, action, event_time, record_time, quantity, unit
)
select %(tenant_id)s, n.event_id, n.node_id, n.role::"char", n.hub_id, n.is_association <> 0, n.action,
       n.event_time, n.record_time, nullif(n.quantity, 'NaN'), n.unit
  from unnest(
    %(event_id)s::bigint[], %(node_id)s::uuid[], %(role)s::text[], %(hub_id)s::uuid[], %(is_association)s::integer[],
    %(action)s::text[], %(event_time)s::timestamptz[], %(record_time)s::timestamptz[], %(quantity)s::float8[],
    %(unit)s::text[]
  ) n (event_id, node_id, role, hub_id, is_association, action, event_time, record_time, quantity, unit);

-- list_declared: eventIDs of events that are declared wrong
select distinct epcis_id from epcis_event where tenant_id = %(tenant_id)s and declared_at is not null;

-- void: marks the events of these eventIDs that are declared wrong, looked up one by one; the containers that this touches
with wrong as (
  select e.event_id, d.record_time
    from unnest(%(epcis_ids)s::text[]) n (epcis_id)
   cross join lateral (
     select min(declared.record_time) as record_time
       from (select record_time
               from epcis_event
              where tenant_id = %(tenant_id)s and epcis_id = n.epcis_id and declared_at is not null
             offset 0) declared) d
   cross join lateral (
     select event_id
       from epcis_event
      where tenant_id = %(tenant_id)s and epcis_id = n.epcis_id and declared_at is null
     offset 0) e
   where d.record_time is not null
), voided as (
  update trace_thing t
     set voided_at = greatest(wrong.record_time, t.record_time)
    from wrong
   where t.event_id = wrong.event_id and t.voided_at is null
  returning t.role, t.hub_id
)
select distinct hub_id from voided where role in ('c', 'e');

-- packings: everything that was packed into these containers or taken out of them
select t.hub_id, case t.role when 'c' then t.node_id end, t.is_association, t.action, t.event_time, t.event_id, e.epcis_id,
       t.quantity, t.unit
  from trace_thing t
 cross join lateral (select epcis_id from epcis_event where event_id = t.event_id offset 0) e
 where t.hub_id = any(%(parents)s::uuid[]) and t.role in ('c', 'e')
   and (t.voided_at is null or t.voided_at > %(as_of)s) and t.record_time <= %(as_of)s;

-- drop_containments: forgets what these containers held
delete from trace_containment where parent_id = any(%(parents)s::uuid[]);

-- add_containments: what containers held
insert into trace_containment (
  tenant_id, parent_id, child_id, is_association, since, until, quantity, unit, opened_by, closed_by
)
select %(tenant_id)s, n.parent_id, n.child_id, n.is_association <> 0, n.since, n.until,
       nullif(n.quantity, 'NaN'), n.unit, nullif(n.opened_by, 0), nullif(n.closed_by, 0)
  from unnest(
    %(parent_id)s::uuid[], %(child_id)s::uuid[], %(is_association)s::integer[], %(since)s::timestamptz[],
    %(until)s::timestamptz[], %(quantity)s::float8[], %(unit)s::text[], %(opened_by)s::bigint[], %(closed_by)s::bigint[]
  ) n (parent_id, child_id, is_association, since, until, quantity, unit, opened_by, closed_by);

-- clear_containments: forgets the tenant's
delete from trace_containment where tenant_id = %(tenant_id)s;

-- clear_things: forgets the tenant's
delete from trace_thing where tenant_id = %(tenant_id)s;

-- clear_nodes: forgets the tenant's
delete from trace_node where tenant_id = %(tenant_id)s;

-- count_journal: events of the tenant
select count(*) from epcis_event where tenant_id = %(tenant_id)s;

-- journal: events of the tenant in order of capture
select event_id, record_time, epcis_id, declared_at, canonical::text
  from epcis_event
 where tenant_id = %(tenant_id)s and event_id > %(after)s
 order by event_id
 limit %(limit)s;

-- containers: in what the things of a front were, or to what they belonged, while they count
select f.place, c.parent_id, c.is_association, greatest(f.low, c.since), least(f.high, c.until - interval '1 microsecond'),
       c.quantity, c.unit, c.opened_by, c.closed_by
  from unnest(%(node_id)s::uuid[], %(low)s::timestamptz[], %(high)s::timestamptz[]) with ordinality
         f (node_id, low, high, place)
 cross join lateral (
   select parent_id, is_association, since, until, quantity, unit, opened_by, closed_by
     from trace_containment
    where child_id = f.node_id and until > f.low and since <= f.high
   offset 0) c;

-- contents: what was in the things of a front, or belonged to them, while they count
select f.place, c.child_id, c.is_association, greatest(f.low, c.since), least(f.high, c.until - interval '1 microsecond'),
       c.quantity, c.unit, c.opened_by, c.closed_by
  from unnest(%(node_id)s::uuid[], %(low)s::timestamptz[], %(high)s::timestamptz[]) with ordinality
         f (node_id, low, high, place)
 cross join lateral (
   select child_id, is_association, since, until, quantity, unit, opened_by, closed_by
     from trace_containment
    where parent_id = f.node_id and until > f.low and since <= f.high
   offset 0) c;

-- changed: of which of these containers something was told, or declared wrong, after a time
select distinct hub_id
  from trace_thing
 where hub_id = any(%(nodes)s::uuid[]) and role in ('c', 'e')
   and (record_time > %(as_of)s or voided_at > %(as_of)s);

-- changed_around: the same of the containers that these things were ever in
select around.hub_id
  from (select distinct hub_id from trace_thing where node_id = any(%(nodes)s::uuid[]) and role = 'c') around
 where exists (
   select from trace_thing t
    where t.hub_id = around.hub_id and t.role in ('c', 'e')
      and (t.record_time > %(as_of)s or t.voided_at > %(as_of)s));

-- transformations: those that things of a front have a part in, while they count
select f.place, t.hub_id, t.event_time, t.quantity, t.unit, t.event_id
  from unnest(%(node_id)s::uuid[], %(low)s::timestamptz[], %(high)s::timestamptz[]) with ordinality
         f (node_id, low, high, place)
 cross join lateral (
   select hub_id, event_time, quantity, unit, event_id
     from trace_thing
    where node_id = f.node_id and role = %(role)s::"char" and event_time between f.low and f.high
      and (voided_at is null or voided_at > %(as_of)s) and record_time <= %(as_of)s
   offset 0) t;

-- parts: things that have a part in these transformations
select hub_id, node_id, event_time, quantity, unit, event_id
  from trace_thing
 where hub_id = any(%(hubs)s::uuid[]) and role = %(role)s::"char"
   and (voided_at is null or voided_at > %(as_of)s) and record_time <= %(as_of)s;

-- uris: identifiers of nodes
select node_id, uri from trace_node where node_id = any(%(nodes)s::uuid[]);

-- happened: events in which these things have a part, in time
select t.node_id, t.role::text, t.action, t.event_time, t.quantity, t.unit, t.event_id, e.epcis_id, e.event_type,
       e.biz_step, e.disposition, e.read_point, e.biz_location
  from trace_thing t
 cross join lateral (
   select epcis_id, event_type, biz_step, disposition, read_point, biz_location
     from epcis_event
    where event_id = t.event_id
   offset 0) e
 where t.node_id = any(%(nodes)s::uuid[]) and t.role <> 'e'
   and (t.voided_at is null or t.voided_at > %(as_of)s) and t.record_time <= %(as_of)s
 order by t.node_id, t.event_time, t.event_id;

-- told_within: events in which things of a front have a part while they count; the index wants the role before the time
select distinct t.event_id, coalesce(t.voided_at <= %(as_of)s, false)
  from unnest(%(node_id)s::uuid[], %(low)s::timestamptz[], %(high)s::timestamptz[]) f (node_id, low, high)
 cross join lateral (
   select event_id, voided_at
     from trace_thing
    where node_id = f.node_id and role = any('{o,p,c,i,t,e}'::"char"[]) and event_time between f.low and f.high
      and record_time <= %(as_of)s
   offset 0) t;
