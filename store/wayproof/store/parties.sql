-- create_party: a new party of the tenant, as it is stored
insert into party (tenant_id, name, gln)
values (%(tenant_id)s, %(name)s, %(gln)s)
returning party_id, tenant_id, name, gln, created_at;

-- name_party: lets this transaction see the one party of that id (row-level security, policy named_party)
select set_config('wayproof.party_id', %(party_id)s, true);

-- name_address: lets this transaction see the one key of that address (row-level security, policy named_key)
select set_config('wayproof.party_address', %(address)s, true);

-- get_party: one party
select party_id, tenant_id, name, gln, created_at from party where party_id = %(party_id)s;

-- list_parties: parties of the tenant, newest first
select party_id, tenant_id, name, gln, created_at
  from party
 where tenant_id = current_tenant()
   and (created_at, party_id) < (coalesce(%(after_at)s::timestamptz, 'infinity'),
                                 coalesce(%(after_id)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
 order by created_at desc, party_id desc
 limit %(limit)s;

-- list_keys: keys of some parties, the oldest first
select address, party_id, claimed_at, valid_from, revoked_at
  from party_key
 where party_id = any(%(party_ids)s)
 order by party_id, valid_from, address;

-- all_keys: keys of every party, the oldest first
select address, party_id, claimed_at, valid_from, revoked_at from party_key order by valid_from, address;

-- find_key: the key of an address
select address, party_id, claimed_at, valid_from, revoked_at from party_key where address = %(address)s;

-- add_key: a key of a party of the tenant
insert into party_key (address, tenant_id, party_id, claim, claimed_at)
values (%(address)s, %(tenant_id)s, %(party_id)s, %(claim)s, %(claimed_at)s)
returning address, party_id, claimed_at, valid_from, revoked_at;

-- revoke_key: revokes a key of a party of the tenant; one that is revoked already keeps its time
update party_key
   set revoked_at = coalesce(revoked_at, now())
 where party_id = %(party_id)s and address = %(address)s and tenant_id = current_tenant()
returning address, party_id, claimed_at, valid_from, revoked_at;
