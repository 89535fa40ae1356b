-- create_site: a new site, as it is stored
insert into site (tenant_id, name, kind, latitude_deg, longitude_deg, radius_m, gln, address)
values (%(tenant_id)s, %(name)s, %(kind)s, %(latitude_deg)s, %(longitude_deg)s, %(radius_m)s, %(gln)s, %(address)s)
returning site_id, tenant_id, name, kind, latitude_deg, longitude_deg, radius_m, gln, address, version, created_at,
          updated_at;

-- get_site: one site of the tenant
select site_id, tenant_id, name, kind, latitude_deg, longitude_deg, radius_m, gln, address, version, created_at,
       updated_at
  from site
 where site_id = %(site_id)s;

-- lock_site: one site of the tenant, held against other changes until the transaction ends
select site_id, tenant_id, name, kind, latitude_deg, longitude_deg, radius_m, gln, address, version, created_at,
       updated_at
  from site
 where site_id = %(site_id)s
   for update;

-- list_sites: sites of the tenant, newest first
select site_id, tenant_id, name, kind, latitude_deg, longitude_deg, radius_m, gln, address, version, created_at,
       updated_at
  from site
 where (created_at, site_id) < (coalesce(%(after_at)s::timestamptz, 'infinity'),
                                coalesce(%(after_id)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
 order by created_at desc, site_id desc
 limit %(limit)s;

-- update_site: everything that a caller says of a site
update site
   set name = %(name)s, kind = %(kind)s, latitude_deg = %(latitude_deg)s, longitude_deg = %(longitude_deg)s,
       radius_m = %(radius_m)s, gln = %(gln)s, address = %(address)s, version = version + 1, updated_at = now()
 where site_id = %(site_id)s
returning site_id, tenant_id, name, kind, latitude_deg, longitude_deg, radius_m, gln, address, version, created_at,
          updated_at;
