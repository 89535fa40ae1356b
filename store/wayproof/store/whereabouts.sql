-- parts: which parts things have in events, as it was recorded at `as_of`
select n.place, t.event_id, t.role::text, t.quantity, t.unit, case when not t.is_association then t.hub_id end
  from unnest(%(node_id)s::uuid[]) with ordinality n (node_id, place)
  join trace_thing t on t.node_id = n.node_id
 where (t.voided_at is null or t.voided_at > %(as_of)s) and t.record_time <= %(as_of)s;

-- events: what some events tell
select event_id, epcis_id, event_time, event_type, action, biz_step, disposition, read_point, biz_location,
       canonical -> 'sourceList', canonical -> 'destinationList'
  from epcis_event
 where event_id = any(%(event_ids)s::bigint[]);

-- handed_over: accepted handoffs of items, as far as the tenant may see them, as they were accepted by `as_of`
select n.place, occurred_at, digest, receiver_party_id, receiver_name
  from unnest(%(items)s::text[]) with ordinality n (item, place)
  join tenant_handoff h on h.item = n.item
 where h.state = 'accepted' and h.answered_at <= %(as_of)s;

-- list_parties: what the tenant's parties are called, by GLN and by id
select party_id, gln, name
  from party
 where tenant_id = %(tenant_id)s and (gln = any(%(glns)s::text[]) or party_id = any(%(party_ids)s::uuid[]))
 order by created_at desc, party_id;
