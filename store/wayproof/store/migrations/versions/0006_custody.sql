-- Parties and their keys, handoffs with their evidence, and what operators erase.

create table party (
  party_id   uuid primary key default gen_random_uuid(),
  tenant_id  uuid not null references tenant,
  name       text not null check (length(name) between 1 and 200),
  gln        text check (gln ~ '^[0-9]{13}$'), -- GS1 Global Location Number
  created_at timestamptz not null default now(),
  constraint party_name_taken unique (tenant_id, name),
  constraint party_of_tenant unique (tenant_id, party_id)
);
create index party_by_tenant on party (tenant_id, created_at, party_id);

create table party_key (
  -- Over all tenants: a signature speaks for one party and no other.
  address    bytea constraint party_key_taken primary key check (octet_length(address) = 20),
  tenant_id  uuid not null,
  party_id   uuid not null,
  claim      bytea not null check (octet_length(claim) = 65), -- EIP-712 KeyClaim by the key itself: proof of possession
  claimed_at timestamptz not null,
  valid_from timestamptz not null default now(),
  revoked_at timestamptz,
  constraint party_key_party foreign key (tenant_id, party_id) references party (tenant_id, party_id)
);
create index party_key_by_party on party_key (party_id, valid_from);

-- The readings of the legs that end in a handoff, as they stood when it was drafted. With all leaf hashes kept, a late
-- reading changes nothing, a changed or vanished one is found, and each one can be proven.
create table evidence (
  evidence_id uuid primary key default gen_random_uuid(),
  tenant_id   uuid not null references tenant, -- of the devices
  legs        jsonb not null,                  -- [{"device", "begins_at", "ends_at"}]
  cutoff      timestamptz not null,            -- readings received later are not part of it
  root        bytea not null check (octet_length(root) = 32),
  leaf_hashes bytea not null check (octet_length(leaf_hashes) % 32 = 0),
  created_at  timestamptz not null default now()
);
alter table evidence alter column leaf_hashes set storage external; -- hashes do not compress

-- Who proposes a handoff is the one tenant that sees it before it is signed.
create table handoff (
  handoff_id         uuid primary key default gen_random_uuid(),
  digest             bytea not null constraint handoff_known unique check (octet_length(digest) = 32), -- EIP-712
  releaser_tenant_id uuid not null,
  releaser_party_id  uuid not null,
  receiver_tenant_id uuid not null,
  receiver_party_id  uuid not null,
  proposer           text not null check (proposer in ('releaser', 'receiver')),
  amends             uuid references handoff,
  shipment_tenant_id uuid,
  shipment_id        uuid,
  evidence_id        uuid references evidence, -- null: no readings
  -- The record, field by field as it is signed. The keys' addresses may be erased; what chains the item may not.
  item               text not null check (length(item) between 1 and 500),
  seq                bigint not null check (seq > 0),
  prev               bytea not null check (octet_length(prev) = 32),
  releaser           bytea check (octet_length(releaser) = 20),
  receiver           bytea check (octet_length(receiver) = 20),
  occurred_at        timestamptz not null,
  expires_at         timestamptz not null,
  details_hash       bytea not null check (octet_length(details_hash) = 32),
  evidence_root      bytea not null check (octet_length(evidence_root) = 32),
  evidence_size      bigint not null check (evidence_size >= 0),
  seen_size          bigint not null check (seen_size >= 0),
  seen_root          bytea not null check (octet_length(seen_root) = 32),
  -- What details_hash commits to; null: erased.
  details            text,
  details_salt       bytea check (octet_length(details_salt) = 32),
  -- wayproof.model.handoff.HandoffState; `expired` is not stored, it comes by itself.
  state              text not null default 'draft'
                     check (state in ('draft', 'offered', 'accepted', 'refused', 'amended')),
  releaser_signature bytea check (octet_length(releaser_signature) = 65),
  receiver_signature bytea check (octet_length(receiver_signature) = 65),
  refusal_reason     text check (length(refusal_reason) between 1 and 1000),
  refused_at         timestamptz,
  refusal_signature  bytea check (octet_length(refusal_signature) = 65),
  leaf_index         bigint constraint handoff_leaf_taken unique references log_entry,
  version            integer not null default 1,
  created_at         timestamptz not null default now(),
  offered_at         timestamptz,
  answered_at        timestamptz,
  erased_at          timestamptz, -- of the details, and of the keys and signatures where `releaser` is null
  constraint handoff_leaf_of_accepted check ((state = 'accepted') = (leaf_index is not null)),
  constraint handoff_details_wholly check (num_nulls(details, details_salt) in (0, 2)),
  constraint handoff_keys_wholly check (num_nulls(releaser, receiver) in (0, 2)),
  constraint handoff_erased check ((erased_at is null) = (details is not null)),
  constraint handoff_releaser foreign key (releaser_tenant_id, releaser_party_id)
    references party (tenant_id, party_id),
  constraint handoff_receiver foreign key (receiver_tenant_id, receiver_party_id)
    references party (tenant_id, party_id),
  constraint handoff_shipment foreign key (shipment_tenant_id, shipment_id) references shipment (tenant_id, shipment_id)
);
-- Not even the operator can log two handoffs in one place of an item's chain.
create unique index handoff_forks on handoff (item, seq) where state = 'accepted';
create index handoff_by_releaser on handoff (releaser_tenant_id, created_at, handoff_id);
create index handoff_by_receiver on handoff (receiver_tenant_id, created_at, handoff_id);
create index handoff_by_item on handoff (item, seq);
create index handoff_by_shipment on handoff (shipment_id) where shipment_id is not null;
create index handoff_by_evidence on handoff (evidence_id) where evidence_id is not null;

-- What operators have erased, and why. Nothing of what was erased stands here.
create table erasure (
  erasure_id      bigint generated always as identity primary key,
  handoff_id      uuid not null references handoff,
  is_whole        boolean not null, -- record, signatures and the leaf's salt as well
  reason          text not null check (length(reason) between 1 and 1000),
  erased_by       text not null,
  erased_at       timestamptz not null default now(),
  leaf_index      bigint references log_entry,
  tombstone_index bigint references log_entry
);

-- The two tenants of a handoff see it; one that nobody has signed is seen by who drafted it alone.
create function sees_handoff(state text, proposer text, releaser_tenant_id uuid, receiver_tenant_id uuid)
  returns boolean language sql stable parallel safe
  return case when state <> 'draft' then current_tenant() in (releaser_tenant_id, receiver_tenant_id)
              when proposer = 'releaser' then current_tenant() = releaser_tenant_id
              else current_tenant() = receiver_tenant_id end;

-- The last accepted handoff of an item for the party that claims to hold it. To anybody else it tells one bit: not you.
create function item_head(item text, holder uuid)
  returns table (seq bigint, digest bytea, occurred_at timestamptz, is_held boolean)
  language sql stable security definer set search_path = public, pg_temp
begin atomic
  select case when h.receiver_party_id = holder then h.seq else 0 end,
         case when h.receiver_party_id = holder then h.digest else '' end,
         case when h.receiver_party_id = holder then h.occurred_at else 'epoch' end,
         h.receiver_party_id = holder
    from handoff h
   where h.item = item_head.item and h.state = 'accepted'
   order by h.seq desc
   limit 1;
end;

-- Handoffs as their two tenants see them: with both parties' names, the state by the time of now, and the leaf's salt.
create view tenant_handoff as
select h.handoff_id, h.digest, h.releaser_tenant_id, h.releaser_party_id, r.name as releaser_name,
       rk.revoked_at as releaser_key_revoked_at, h.receiver_tenant_id, h.receiver_party_id, c.name as receiver_name,
       ck.revoked_at as receiver_key_revoked_at, h.proposer, h.amends, h.shipment_tenant_id, h.shipment_id,
       h.evidence_id, h.item, h.seq, h.prev, h.releaser, h.receiver, h.occurred_at, h.expires_at, h.details_hash,
       h.evidence_root, h.evidence_size, h.seen_size, h.seen_root, h.details, h.details_salt,
       case when h.state in ('draft', 'offered') and h.expires_at <= now() then 'expired' else h.state end as state,
       h.releaser_signature, h.receiver_signature, h.refusal_reason, h.refused_at, h.refusal_signature, h.leaf_index,
       e.salt as leaf_salt, case when h.leaf_index is not null then coalesce(a.state, 'queued') end as anchor_state,
       h.version, h.created_at, h.offered_at, h.answered_at, h.erased_at
  from handoff h
  join party r on r.party_id = h.releaser_party_id
  join party c on c.party_id = h.receiver_party_id
  left join party_key rk on rk.address = h.releaser
  left join party_key ck on ck.address = h.receiver
  left join log_entry e on e.leaf_index = h.leaf_index
  left join lateral (select state
                       from anchor
                      where size > h.leaf_index and state <> 'superseded'
                      order by size
                      limit 1) a on true
 where sees_handoff(h.state, h.proposer, h.releaser_tenant_id, h.receiver_tenant_id);

-- Another tenant's party can be looked up by its exact id, and by the address of a key of its.
alter table party enable row level security;
alter table party force row level security;
create policy own_rows on party using (tenant_id = current_tenant());
create policy named_party on party for select
  using (party_id = nullif(current_setting('wayproof.party_id', true), '')::uuid);

alter table party_key enable row level security;
alter table party_key force row level security;
create policy own_rows on party_key using (tenant_id = current_tenant());
create policy named_party on party_key for select
  using (party_id = nullif(current_setting('wayproof.party_id', true), '')::uuid);
create policy named_key on party_key for select
  using (address = decode(nullif(current_setting('wayproof.party_address', true), ''), 'hex'));
create policy all_tenants on party_key for select to wayproof_ledger using (true);

alter table handoff enable row level security;
alter table handoff force row level security;
create policy of_both_tenants on handoff
  using (sees_handoff(state, proposer, releaser_tenant_id, receiver_tenant_id));

-- Who may see a handoff may see which readings it names, not the readings themselves.
alter table evidence enable row level security;
alter table evidence force row level security;
create policy own_rows on evidence using (tenant_id = current_tenant());
create policy of_handoff on evidence for select
  using (exists (select from handoff h where h.evidence_id = evidence.evidence_id));

grant select, insert on party, party_key, evidence to wayproof_api;
grant update (revoked_at) on party_key to wayproof_api;
grant select (address, party_id, claimed_at, valid_from, revoked_at) on party_key to wayproof_ledger;
grant select, insert on handoff to wayproof_api;
grant update (state, releaser_signature, receiver_signature, refusal_reason, refused_at, refusal_signature, leaf_index,
              version, offered_at, answered_at) on handoff to wayproof_api;
grant select on tenant_handoff to wayproof_api;
revoke execute on function item_head(text, uuid) from public;
grant execute on function item_head(text, uuid) to wayproof_api;
