-- create_device: a new device, as it is stored
insert into device (tenant_id, name, kind, label, credential)
values (%(tenant_id)s, %(name)s, %(kind)s, %(label)s, %(credential)s)
returning device_id, tenant_id, name, kind, label, version, created_at, updated_at, retired_at;

-- get_device: one device by its name
select device_id, tenant_id, name, kind, label, version, created_at, updated_at, retired_at
  from device
 where name = %(name)s;

-- lock_device: one device by its name, held against other changes until the transaction ends
select device_id, tenant_id, name, kind, label, version, created_at, updated_at, retired_at
  from device
 where name = %(name)s
   for update;

-- list_devices: devices of the tenant, newest first
select device_id, tenant_id, name, kind, label, version, created_at, updated_at, retired_at
  from device
 where (created_at, device_id)
       < (coalesce(%(after_at)s::timestamptz, 'infinity'), coalesce(%(after_id)s::integer, 2147483647))
 order by created_at desc, device_id desc
 limit %(limit)s;

-- update_device: kind, label and retirement of a device
update device
   set kind = %(kind)s, label = %(label)s, retired_at = %(retired_at)s, version = version + 1, updated_at = now()
 where name = %(name)s
returning device_id, tenant_id, name, kind, label, version, created_at, updated_at, retired_at;

-- rotate_credential: the device's new hash; the old secret stops working
update device
   set credential = %(credential)s, version = version + 1, updated_at = now()
 where name = %(name)s
returning device_id, tenant_id, name, kind, label, version, created_at, updated_at, retired_at;
