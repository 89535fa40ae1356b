-- What has happened and no event of ours tells yet: shipments that left or arrived, handoffs that were accepted. Whoever
-- records events takes it from here, so that what has not happened costs nothing.
create table untold (
  tenant_id  uuid not null references tenant, -- in whose journal the events belong
  kind       text not null check (kind in ('shipment', 'handoff')),
  subject_id uuid not null,
  noted_at   timestamptz not null default clock_timestamp(),
  due_at     timestamptz not null default clock_timestamp(), -- when to try
  tries      integer not null default 0 check (tries >= 0), -- that failed
  failure    text, -- why the last one did
  constraint untold_known primary key (tenant_id, kind, subject_id)
);
create index untold_by_due on untold (due_at);

-- Of a handoff it tells the other party's tenant as well, which is why it has its owner's rights.
create function note_untold(told_kind text, told_id uuid, tenant_ids uuid[]) returns void
  language sql security definer set search_path = public, pg_temp
begin atomic
  insert into untold (tenant_id, kind, subject_id)
  select distinct tenant_id, told_kind, told_id from unnest(tenant_ids) tenant_id
  on conflict on constraint untold_known
  do update set noted_at = clock_timestamp(), due_at = clock_timestamp(), tries = 0, failure = null;
end;
revoke execute on function note_untold(text, uuid, uuid[]) from public;

create function note_shipment() returns trigger
  language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform note_untold('shipment', new.shipment_id, array[new.tenant_id]);
  return null;
end $$;
create function note_handoff() returns trigger
  language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform note_untold('handoff', new.handoff_id, array[new.releaser_tenant_id, new.receiver_tenant_id]);
  return null;
end $$;

create trigger shipment_noted after insert on shipment for each row
  when (new.picked_up_at is not null or new.delivered_at is not null) execute function note_shipment();
create trigger shipment_change_noted after update on shipment for each row
  when (new.picked_up_at is distinct from old.picked_up_at or new.delivered_at is distinct from old.delivered_at)
  execute function note_shipment();
create trigger handoff_noted after update on handoff for each row
  when (new.state = 'accepted' and old.state <> 'accepted') execute function note_handoff();

insert into untold (tenant_id, kind, subject_id)
select tenant_id, 'shipment', shipment_id from shipment where picked_up_at is not null or delivered_at is not null
 union
select unnest(array[releaser_tenant_id, receiver_tenant_id]), 'handoff', handoff_id from handoff where state = 'accepted';

alter table untold enable row level security;
alter table untold force row level security;
create policy own_rows on untold using (tenant_id = current_tenant());
-- Whoever records must see that something waits before it knows whose it is.
create policy waiting on untold for select using (current_setting('wayproof.untold', true) = 'all');

grant select, delete on untold to wayproof_api;
grant update (due_at, tries, failure) on untold to wayproof_api;
