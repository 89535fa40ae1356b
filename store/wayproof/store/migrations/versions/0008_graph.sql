-- The graph of things, derived from the journal: which thing has which part in which event, and what was in which
-- container when. `wayproof epcis rebuild` makes it again. No foreign keys: all is made of rows that have them, and
-- checking each would cost more than storing it.

-- Identifiers. The key is the beginning of SHA-256 over tenant and URI, so that it need not be looked up.
create table trace_node (
  node_id   uuid primary key,
  tenant_id uuid not null,
  uri       text not null -- canonical
);

create table trace_thing (
  tenant_id      uuid not null,
  event_id       bigint not null,
  node_id        uuid not null,
  role           "char" not null check (role in ('o', 'p', 'c', 'i', 't', 'e')), -- wayproof.trace.facts.Role
  hub_id         uuid, -- the container of what was packed; the transformation of what went in or came out
  is_association boolean not null,
  action         text check (action in ('ADD', 'OBSERVE', 'DELETE')),
  event_time     timestamptz not null,
  record_time    timestamptz not null,
  voided_at      timestamptz, -- record time from which the event counts as declared wrong
  quantity       double precision,
  unit           text,
  constraint trace_thing_hub check ((hub_id is not null) = (role in ('c', 'i', 't', 'e')))
);
create index trace_thing_by_node on trace_thing (node_id, role, event_time);
create index trace_thing_by_hub on trace_thing (hub_id, role) where hub_id is not null;
create index trace_thing_by_event on trace_thing (event_id);

-- Half-open intervals, of events that are not voided.
create table trace_containment (
  tenant_id      uuid not null,
  parent_id      uuid not null,
  child_id       uuid not null,
  is_association boolean not null,
  since          timestamptz not null, -- year 1: nobody knows since when
  until          timestamptz not null, -- year 9999: inside still
  quantity       double precision,
  unit           text,
  opened_by      bigint,
  closed_by      bigint
);
create index trace_containment_by_child on trace_containment (child_id, until);
create index trace_containment_by_parent on trace_containment (parent_id, until);

alter table trace_node enable row level security;
alter table trace_node force row level security;
create policy own_rows on trace_node using (tenant_id = current_tenant());

alter table trace_thing enable row level security;
alter table trace_thing force row level security;
create policy own_rows on trace_thing using (tenant_id = current_tenant());

alter table trace_containment enable row level security;
alter table trace_containment force row level security;
create policy own_rows on trace_containment using (tenant_id = current_tenant());

grant select, insert, delete on trace_node, trace_thing, trace_containment to wayproof_api;
grant update (voided_at) on trace_thing to wayproof_api;
