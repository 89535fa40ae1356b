-- create_key: a new key, as it is stored
insert into api_key (key_id, tenant_id, label, secret_sha256, scopes, expires_at)
values (%(key_id)s, %(tenant_id)s, %(label)s, %(secret_sha256)s, %(scopes)s, %(expires_at)s)
returning key_id, tenant_id, label, scopes, created_at, expires_at, revoked_at;

-- name_key: lets this transaction see the one key of that id (row-level security, policy named_key)
select set_config('wayproof.key_id', %(key_id)s, true);

-- find_secret: a key with the hash of its secret and the time by the database's clock
select key_id, tenant_id, label, scopes, created_at, expires_at, revoked_at, secret_sha256, now() as now
  from api_key
 where key_id = %(key_id)s;

-- get_key: one key of the tenant
select key_id, tenant_id, label, scopes, created_at, expires_at, revoked_at
  from api_key
 where key_id = %(key_id)s;

-- list_keys: keys of the tenant, newest first
select key_id, tenant_id, label, scopes, created_at, expires_at, revoked_at
  from api_key
 where (created_at, key_id) < (coalesce(%(after_at)s::timestamptz, 'infinity'), coalesce(%(after_id)s::text, '~'))
 order by created_at desc, key_id desc
 limit %(limit)s;

-- revoke_key: revokes a key; one that is revoked already keeps its time
update api_key
   set revoked_at = coalesce(revoked_at, now())
 where key_id = %(key_id)s
returning key_id, tenant_id, label, scopes, created_at, expires_at, revoked_at;
