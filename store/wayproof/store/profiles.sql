-- create_profile: a new condition profile, as it is stored
insert into condition_profile (tenant_id, name, version, temperature_min_c, temperature_max_c, humidity_min_pct,
                               humidity_max_pct, shock_max_g)
values (%(tenant_id)s, %(name)s, %(version)s, %(temperature_min_c)s, %(temperature_max_c)s, %(humidity_min_pct)s,
        %(humidity_max_pct)s, %(shock_max_g)s)
returning profile_id, tenant_id, name, version, temperature_min_c, temperature_max_c, humidity_min_pct,
          humidity_max_pct, shock_max_g, created_at;

-- get_profile: one condition profile of the tenant
select profile_id, tenant_id, name, version, temperature_min_c, temperature_max_c, humidity_min_pct, humidity_max_pct,
       shock_max_g, created_at
  from condition_profile
 where profile_id = %(profile_id)s;

-- list_profiles: condition profiles of the tenant, newest first
select profile_id, tenant_id, name, version, temperature_min_c, temperature_max_c, humidity_min_pct, humidity_max_pct,
       shock_max_g, created_at
  from condition_profile
 where (created_at, profile_id) < (coalesce(%(after_at)s::timestamptz, 'infinity'),
                                   coalesce(%(after_id)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
 order by created_at desc, profile_id desc
 limit %(limit)s;
