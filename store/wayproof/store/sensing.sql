-- list_handoffs: accepted handoffs that the tenant was party to and that no event of ours tells of yet, oldest first
select h.handoff_id
  from tenant_handoff h
 where h.state = 'accepted' and h.releaser is not null
   and not exists (
     select from epcis_event e
      where e.tenant_id = current_tenant() and e.epcis_id = 'urn:wayproof:event:handoff:' || h.handoff_id)
 order by h.leaf_index
 limit %(limit)s;

-- list_journeys: shipments of the tenant that have begun or ended without an event of ours that tells it, oldest first
select s.shipment_id, o.gln as origin_gln, s.origin_site_id, d.gln as destination_gln, s.destination_site_id,
       s.picked_up_at is not null and not exists (
         select from epcis_event e
          where e.tenant_id = current_tenant() and e.epcis_id = 'urn:wayproof:event:departure:' || s.shipment_id
       ) as departs,
       s.delivered_at is not null and not exists (
         select from epcis_event e
          where e.tenant_id = current_tenant() and e.epcis_id = 'urn:wayproof:event:arrival:' || s.shipment_id
       ) as arrives
  from shipment s
  join site o on o.site_id = s.origin_site_id
  join site d on d.site_id = s.destination_site_id
 where s.picked_up_at is not null and not exists (
         select from epcis_event e
          where e.tenant_id = current_tenant() and e.epcis_id = 'urn:wayproof:event:departure:' || s.shipment_id)
    or s.delivered_at is not null and not exists (
         select from epcis_event e
          where e.tenant_id = current_tenant() and e.epcis_id = 'urn:wayproof:event:arrival:' || s.shipment_id)
 order by coalesce(s.delivered_at, s.picked_up_at), s.shipment_id
 limit %(limit)s;

-- find_device: the number of a device of the tenant
select device_id from device where name = %(name)s;
