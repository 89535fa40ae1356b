-- Whose rows they are is asked once a statement where statements read or write rows by the thousand: a function in a
-- policy is called for each row.
alter policy own_rows on epcis_event using (tenant_id = (select current_tenant()));
alter policy own_rows on event_number using (tenant_id = (select current_tenant()));
alter policy own_rows on trace_node using (tenant_id = (select current_tenant()));
alter policy own_rows on trace_thing using (tenant_id = (select current_tenant()));
alter policy own_rows on trace_containment using (tenant_id = (select current_tenant()));

-- One index where there were two that grew alike.
drop index epcis_event_by_place;
alter table epcis_event drop constraint epcis_event_pkey;
alter table epcis_event add constraint epcis_event_pkey primary key (tenant_id, event_id);
