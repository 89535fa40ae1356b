-- known_devices: every device that may send
select name, device_id, tenant_id from device where retired_at is null;

-- find_devices: those of the given names that may send
select name, device_id, tenant_id from device where name = any(%(names)s) and retired_at is null;

-- listen: from now on this connection is told when a device is added, changed or retired
listen registry_changed;
