-- create_handoff: a draft's id
insert into handoff (digest, releaser_tenant_id, releaser_party_id, receiver_tenant_id, receiver_party_id, proposer,
                     amends, shipment_tenant_id, shipment_id, evidence_id, item, seq, prev, releaser, receiver,
                     occurred_at, expires_at, details_hash, evidence_root, evidence_size, seen_size, seen_root, details,
                     details_salt)
values (%(digest)s, %(releaser_tenant_id)s, %(releaser_party_id)s, %(receiver_tenant_id)s, %(receiver_party_id)s,
        %(proposer)s, %(amends)s, %(shipment_tenant_id)s, %(shipment_id)s, %(evidence_id)s, %(item)s, %(seq)s,
        %(prev)s, %(releaser)s, %(receiver)s, %(occurred_at)s, %(expires_at)s, %(details_hash)s, %(evidence_root)s,
        %(evidence_size)s, %(seen_size)s, %(seen_root)s, %(details)s, %(details_salt)s)
returning handoff_id;

-- get_handoffs: some handoffs of the tenant
select handoff_id, digest, releaser_tenant_id, releaser_party_id, releaser_name, releaser_key_revoked_at,
       receiver_tenant_id, receiver_party_id, receiver_name, receiver_key_revoked_at, proposer, amends,
       shipment_tenant_id, shipment_id, evidence_id, item, seq, prev, releaser, receiver, occurred_at, expires_at,
       details_hash, evidence_root, evidence_size, seen_size, seen_root, details, details_salt, state,
       releaser_signature, receiver_signature, refusal_reason, refused_at, refusal_signature, leaf_index, leaf_salt,
       anchor_state, version, created_at, offered_at, answered_at, erased_at
  from tenant_handoff
 where handoff_id = any(%(handoff_ids)s);

-- lock_handoffs: holds handoffs of the tenant against other changes until the transaction ends, always in one order
select handoff_id from handoff where handoff_id = any(%(handoff_ids)s) order by handoff_id for update;

-- list_handoffs: handoffs of the tenant, newest first
select handoff_id, digest, releaser_tenant_id, releaser_party_id, releaser_name, releaser_key_revoked_at,
       receiver_tenant_id, receiver_party_id, receiver_name, receiver_key_revoked_at, proposer, amends,
       shipment_tenant_id, shipment_id, evidence_id, item, seq, prev, releaser, receiver, occurred_at, expires_at,
       details_hash, evidence_root, evidence_size, seen_size, seen_root, details, details_salt, state,
       releaser_signature, receiver_signature, refusal_reason, refused_at, refusal_signature, leaf_index, leaf_salt,
       anchor_state, version, created_at, offered_at, answered_at, erased_at
  from tenant_handoff
 where (created_at, handoff_id) < (coalesce(%(after_at)s::timestamptz, 'infinity'),
                                   coalesce(%(after_id)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
   and (%(item)s::text is null or item = %(item)s)
   and (%(shipment_id)s::uuid is null or shipment_id = %(shipment_id)s)
   and (%(state)s::text is null or state = %(state)s)
 order by created_at desc, handoff_id desc
 limit %(limit)s;

-- list_chain: accepted handoffs of an item or shipment that the tenant may see, in order of the chain
select handoff_id, digest, releaser_tenant_id, releaser_party_id, releaser_name, releaser_key_revoked_at,
       receiver_tenant_id, receiver_party_id, receiver_name, receiver_key_revoked_at, proposer, amends,
       shipment_tenant_id, shipment_id, evidence_id, item, seq, prev, releaser, receiver, occurred_at, expires_at,
       details_hash, evidence_root, evidence_size, seen_size, seen_root, details, details_salt, state,
       releaser_signature, receiver_signature, refusal_reason, refused_at, refusal_signature, leaf_index, leaf_salt,
       anchor_state, version, created_at, offered_at, answered_at, erased_at
  from tenant_handoff
 where state = 'accepted' and (item = %(item)s or shipment_id = %(shipment_id)s)
   and (item, seq) > (%(after_item)s, %(after_seq)s)
 order by item, seq
 limit %(limit)s;

-- item_heads: the last accepted handoff of each item, for the party that claims to hold it; items without one are left out
select asked.item, head.seq, head.digest, head.occurred_at, head.is_held
  from unnest(%(items)s::text[], %(holders)s::uuid[]) as asked (item, holder)
 cross join lateral item_head(asked.item, asked.holder) head;

-- set_offered: the proposer has signed
update handoff
   set state = 'offered', version = version + 1, offered_at = now(),
       releaser_signature = case proposer when 'releaser' then %(signature)s else releaser_signature end,
       receiver_signature = case proposer when 'receiver' then %(signature)s else receiver_signature end
 where handoff_id = %(handoff_id)s and state = 'draft';

-- set_amended: the other party has answered with another handoff
update handoff set state = 'amended', version = version + 1, answered_at = now()
 where handoff_id = %(handoff_id)s and state = 'offered';

-- set_refused: the other party has signed that it refuses
update handoff
   set state = 'refused', version = version + 1, answered_at = now(), refusal_reason = %(reason)s,
       refused_at = %(refused_at)s, refusal_signature = %(signature)s
 where handoff_id = %(handoff_id)s and state = 'offered';

-- set_accepted: the other parties have signed, and the leaves are in the log
update handoff h
   set state = 'accepted', version = h.version + 1, answered_at = now(), leaf_index = a.leaf_index,
       releaser_signature = case h.proposer when 'receiver' then a.signature else h.releaser_signature end,
       receiver_signature = case h.proposer when 'releaser' then a.signature else h.receiver_signature end
  from unnest(%(handoff_ids)s::uuid[], %(signatures)s::bytea[], %(leaf_indexes)s::bigint[])
       as a (handoff_id, signature, leaf_index)
 where h.handoff_id = a.handoff_id and h.state = 'offered';

-- erase_details: details and their salt
update handoff set details = null, details_salt = null, erased_at = now(), version = version + 1
 where handoff_id = %(handoff_id)s and details is not null
returning handoff_id;

-- erase_keys: who signed, and what; the place in the item's chain stays
update handoff
   set releaser = null, receiver = null, releaser_signature = null, receiver_signature = null, refusal_reason = null,
       refusal_signature = null, details = null, details_salt = null, erased_at = coalesce(erased_at, now()),
       version = version + 1
 where handoff_id = %(handoff_id)s and releaser is not null
returning handoff_id;

-- same_place: other handoffs, of any tenant, for the same place of the item's chain that still hold details
select other.handoff_id
  from handoff erased
  join handoff other on other.item = erased.item and other.seq = erased.seq and other.handoff_id <> erased.handoff_id
 where erased.handoff_id = %(handoff_id)s and other.details is not null
 order by other.created_at, other.handoff_id;

-- find_leaf: where a handoff of any tenant stands in the log
select leaf_index from handoff where handoff_id = %(handoff_id)s for update;

-- record_erasure: what was erased, and why
insert into erasure (handoff_id, is_whole, reason, erased_by, leaf_index, tombstone_index)
values (%(handoff_id)s, %(is_whole)s, %(reason)s, %(erased_by)s, %(leaf_index)s, %(tombstone_index)s)
returning handoff_id, is_whole, reason, erased_by, erased_at, leaf_index, tombstone_index;

-- seen_checkpoint: the latest checkpoint that is final on the chain
select size, root from anchor where state = 'final' order by size desc limit 1;

-- newest_anchor_of: the newest final anchor, which covers every leaf below it; where none is final yet, one on its way
select size, root, state, tx_hash, block_number, block_hash, block_time
  from anchor
 where size > %(leaf_index)s and state in ('mined', 'safe', 'final')
 order by state = 'final' desc, size desc
 limit 1;

-- anchor_of: the first anchor that covers a leaf and stands on the chain
select size, root, state, tx_hash, block_number, block_hash, block_time
  from anchor
 where size > %(leaf_index)s and state in ('mined', 'safe', 'final')
 order by size
 limit 1;
