-- get_journey: where a shipment of the tenant began and ends
select s.shipment_id, o.gln as origin_gln, s.origin_site_id, d.gln as destination_gln, s.destination_site_id
  from shipment s
  join site o on o.site_id = s.origin_site_id
  join site d on d.site_id = s.destination_site_id
 where s.shipment_id = %(shipment_id)s;

-- find_device: the number of a device of the tenant
select device_id from device where name = %(name)s;
