-- create_assignment: a new assignment, as it is stored; no row where the tenant has no such device
with made as (
  insert into assignment (tenant_id, shipment_id, device_id, during)
  select %(tenant_id)s, %(shipment_id)s, d.device_id, tstzrange(%(begins_at)s, %(ends_at)s)
    from device d
   where d.name = %(device)s and d.tenant_id = %(tenant_id)s
  returning assignment_id, tenant_id, shipment_id, device_id, during, version, created_at, updated_at
)
select a.assignment_id, a.tenant_id, a.shipment_id, d.name as device, lower(a.during) as begins_at,
       upper(a.during) as ends_at, a.version, a.created_at, a.updated_at
  from made a join device d using (device_id);

-- get_assignment: one assignment of the tenant
select a.assignment_id, a.tenant_id, a.shipment_id, d.name as device, lower(a.during) as begins_at,
       upper(a.during) as ends_at, a.version, a.created_at, a.updated_at
  from assignment a join device d using (device_id)
 where a.assignment_id = %(assignment_id)s;

-- lock_assignment: one assignment of the tenant, held against other changes until the transaction ends
select a.assignment_id, a.tenant_id, a.shipment_id, d.name as device, lower(a.during) as begins_at,
       upper(a.during) as ends_at, a.version, a.created_at, a.updated_at
  from assignment a join device d using (device_id)
 where a.assignment_id = %(assignment_id)s
   for update of a;

-- list_assignments: assignments of the tenant, newest first
select a.assignment_id, a.tenant_id, a.shipment_id, d.name as device, lower(a.during) as begins_at,
       upper(a.during) as ends_at, a.version, a.created_at, a.updated_at
  from assignment a join device d using (device_id)
 where (a.created_at, a.assignment_id) < (coalesce(%(after_at)s::timestamptz, 'infinity'),
                                          coalesce(%(after_id)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
   and (%(shipment_id)s::uuid is null or a.shipment_id = %(shipment_id)s)
   and (%(device)s::text is null or d.name = %(device)s)
 order by a.created_at desc, a.assignment_id desc
 limit %(limit)s;

-- update_assignment: from when to when
with changed as (
  update assignment
     set during = tstzrange(%(begins_at)s, %(ends_at)s), version = version + 1, updated_at = now()
   where assignment_id = %(assignment_id)s
  returning assignment_id, tenant_id, shipment_id, device_id, during, version, created_at, updated_at
)
select a.assignment_id, a.tenant_id, a.shipment_id, d.name as device, lower(a.during) as begins_at,
       upper(a.during) as ends_at, a.version, a.created_at, a.updated_at
  from changed a join device d using (device_id);
