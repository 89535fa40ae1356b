-- create_shipment: a new shipment's id
insert into shipment (tenant_id, reference, consignor, consignee, carrier, origin_site_id, destination_site_id,
                      profile_id, planned_pickup_at, planned_delivery_at, picked_up_at, delivered_at, cancelled_at)
values (%(tenant_id)s, %(reference)s, %(consignor)s, %(consignee)s, %(carrier)s, %(origin_site_id)s,
        %(destination_site_id)s, %(profile_id)s, %(planned_pickup_at)s, %(planned_delivery_at)s, %(picked_up_at)s,
        %(delivered_at)s, %(cancelled_at)s)
returning shipment_id;

-- get_shipment: one shipment of the tenant with its places and profile
select s.shipment_id, s.tenant_id, s.reference, s.consignor, s.consignee, s.carrier, s.origin_site_id,
       s.destination_site_id, s.profile_id, s.planned_pickup_at, s.planned_delivery_at, s.picked_up_at,
       s.delivered_at, s.cancelled_at, s.version, s.created_at, s.updated_at,
       o.name as origin_name, o.latitude_deg as origin_latitude_deg, o.longitude_deg as origin_longitude_deg,
       d.name as destination_name, d.latitude_deg as destination_latitude_deg,
       d.longitude_deg as destination_longitude_deg,
       p.name as profile_name, p.version as profile_version, p.temperature_min_c, p.temperature_max_c,
       p.humidity_min_pct, p.humidity_max_pct
  from shipment s
  join site o on o.site_id = s.origin_site_id
  join site d on d.site_id = s.destination_site_id
  left join condition_profile p on p.profile_id = s.profile_id
 where s.shipment_id = %(shipment_id)s;

-- lock_shipment: holds a shipment of the tenant against other changes until the transaction ends
select shipment_id from shipment where shipment_id = %(shipment_id)s for update;

-- list_shipments: shipments of the tenant with their places and profiles, newest first
select s.shipment_id, s.tenant_id, s.reference, s.consignor, s.consignee, s.carrier, s.origin_site_id,
       s.destination_site_id, s.profile_id, s.planned_pickup_at, s.planned_delivery_at, s.picked_up_at,
       s.delivered_at, s.cancelled_at, s.version, s.created_at, s.updated_at,
       o.name as origin_name, o.latitude_deg as origin_latitude_deg, o.longitude_deg as origin_longitude_deg,
       d.name as destination_name, d.latitude_deg as destination_latitude_deg,
       d.longitude_deg as destination_longitude_deg,
       p.name as profile_name, p.version as profile_version, p.temperature_min_c, p.temperature_max_c,
       p.humidity_min_pct, p.humidity_max_pct
  from shipment s
  join site o on o.site_id = s.origin_site_id
  join site d on d.site_id = s.destination_site_id
  left join condition_profile p on p.profile_id = s.profile_id
 where (s.created_at, s.shipment_id) < (coalesce(%(after_at)s::timestamptz, 'infinity'),
                                        coalesce(%(after_id)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
   and (%(reference)s::text is null or s.reference = %(reference)s)
   and (%(status)s::text is null
        or %(status)s = case when s.cancelled_at is not null then 'cancelled'
                             when s.delivered_at is not null then 'delivered'
                             when s.picked_up_at is not null then 'in_transit'
                             else 'planned' end)
 order by s.created_at desc, s.shipment_id desc
 limit %(limit)s;

-- update_shipment: everything that a caller says of a shipment
update shipment
   set reference = %(reference)s, consignor = %(consignor)s, consignee = %(consignee)s, carrier = %(carrier)s,
       origin_site_id = %(origin_site_id)s, destination_site_id = %(destination_site_id)s,
       profile_id = %(profile_id)s, planned_pickup_at = %(planned_pickup_at)s,
       planned_delivery_at = %(planned_delivery_at)s, picked_up_at = %(picked_up_at)s,
       delivered_at = %(delivered_at)s, cancelled_at = %(cancelled_at)s, version = version + 1, updated_at = now()
 where shipment_id = %(shipment_id)s
returning shipment_id;
