-- names: identifiers of nodes that events tell of
select n.place - 1, d.uri
  from unnest(%(node_id)s::uuid[]) with ordinality n (node_id, place)
  join trace_node d on d.node_id = n.node_id;

-- stays: in what things ever were, and from when until when
select n.place - 1, c.parent_id, c.since, c.until
  from unnest(%(node_id)s::uuid[]) with ordinality n (node_id, place)
  join trace_containment c on c.child_id = n.node_id
 where not c.is_association;

-- parts: which parts things have in events, as it was recorded at `as_of`
select n.place - 1, t.event_id, t.role::text, t.quantity, t.unit, case when not t.is_association then t.hub_id end
  from unnest(%(node_id)s::uuid[]) with ordinality n (node_id, place)
  join trace_thing t on t.node_id = n.node_id
 where (t.voided_at is null or t.voided_at > %(as_of)s) and t.record_time <= %(as_of)s;

-- events: what some events tell, looked up one by one
select e.event_id, e.epcis_id, e.event_time, e.event_type, e.action, e.biz_step, e.disposition, e.read_point,
       e.biz_location, e.canonical -> 'sourceList', e.canonical -> 'destinationList'
  from unnest(%(event_ids)s::bigint[]) n (event_id)
 cross join lateral (
   select event_id, epcis_id, event_time, event_type, action, biz_step, disposition, read_point, biz_location, canonical
     from epcis_event
    where event_id = n.event_id
   offset 0) e;

-- handed_over: accepted handoffs of items, as far as the tenant may see them, as they were accepted by `as_of`
select n.place - 1, h.occurred_at, h.digest, h.receiver_party_id, h.receiver_name
  from unnest(%(items)s::text[]) with ordinality n (item, place)
  join tenant_handoff h on h.item = n.item
 where h.state = 'accepted' and h.answered_at <= %(as_of)s;

-- list_parties: what the tenant's parties are called, by GLN and by id
select party_id, gln, name
  from party
 where tenant_id = %(tenant_id)s and (gln = any(%(glns)s::text[]) or party_id = any(%(party_ids)s::uuid[]))
 order by created_at desc, party_id;
