-- EPCIS events as they were captured, capture jobs, and what is indexed of each event.

-- Distinct @context values. They hold names of namespaces, so tenants may share one.
create table epcis_context (
  context_id bigint generated always as identity primary key,
  digest     bytea not null constraint epcis_context_known unique check (octet_length(digest) = 32), -- SHA-256
  content    text not null -- JSON
);

-- Documents that were captured, or refused: the jobs of the standard (EPCIS 2.0 §12.6).
create table epcis_capture (
  capture_id      uuid primary key default gen_random_uuid(),
  tenant_id       uuid not null references tenant,
  created_at      timestamptz not null default now(),
  finished_at     timestamptz, -- null: waits, or runs
  error_behaviour text not null check (error_behaviour in ('rollback', 'proceed')),
  is_lenient      boolean not null default false,
  is_success      boolean, -- whether every event is in the journal; null: not finished
  events          integer not null default 0 check (events >= 0), -- captured
  errors          jsonb not null default '[]', -- wayproof.trace.epcis.validate.Fault
  forgiven        jsonb not null default '[]', -- the same: what was captured nevertheless
  envelope        jsonb, -- the document without its events; null: not finished, or refused
  constraint epcis_capture_finished check ((finished_at is null) = (is_success is null))
);
create index epcis_capture_by_tenant on epcis_capture (tenant_id, created_at, capture_id);

-- Documents whose job is not finished. A row is locked by the worker that has it.
create table epcis_capture_document (
  capture_id uuid primary key references epcis_capture,
  tenant_id  uuid not null references tenant,
  created_at timestamptz not null default now(),
  tries      integer not null default 0, -- begun; one that ends every worker must not be tried for ever
  content    bytea not null
);
create index epcis_capture_document_by_age on epcis_capture_document (created_at, capture_id);

-- The journal: nothing in it is ever changed. An error declaration is a row of its own with the same epcis_id.
-- Whoever adds to it holds the tenant's lock until the end of the transaction, so that within a tenant events become
-- visible in the order of event_id. No foreign keys: one statement writes it, in the transaction that made or locked
-- what its rows refer to, and checking each would cost more than storing it.
create table epcis_event (
  event_id     bigint generated always as identity primary key,
  tenant_id    uuid not null,
  capture_id   uuid, -- null: came alone
  epcis_id     text not null, -- eventID as sent, or the one that was given
  event_type   text not null,
  action       text,
  event_time   timestamptz not null,
  record_time  timestamptz not null,
  biz_step     text, -- these four are canonical
  disposition  text,
  read_point   text,
  biz_location text,
  declared_at  timestamptz, -- set: an error declaration, which voids the others of its epcis_id
  context_id   bigint, -- of the document; null: none
  body         text not null,  -- as sent, JSON
  canonical    jsonb not null, -- the words in which it is indexed: wayproof.trace.epcis.formats.canonical
  terms        tsvector not null -- wayproof.trace.query.terms
);
create index epcis_event_by_time on epcis_event (tenant_id, event_time, event_id);
create index epcis_event_by_record_time on epcis_event (tenant_id, record_time, event_id);
-- A hash: an eventID may be longer than what a B-tree takes.
create index epcis_event_by_epcis_id on epcis_event using hash (epcis_id);
create index epcis_event_by_declared_id on epcis_event using hash (epcis_id) where declared_at is not null;
create index epcis_event_by_terms on epcis_event using gin (terms);

-- Numbers of events that queries compare, in the unit of their dimension.
create table event_number (
  event_id  bigint not null,
  tenant_id uuid not null,
  field     text not null,
  dimension text not null, -- '' for a bare number
  value     double precision not null
);
create index event_number_by_event on event_number (event_id);
create index event_number_by_value on event_number (tenant_id, field, dimension, value);

-- What queries search. Not the table itself: below its row-level security no index on terms could be used, because
-- PostgreSQL would have to be sure that `@@` tells nothing of rows that are hidden.
create view tenant_epcis_event as
select e.event_id, e.tenant_id, e.capture_id, e.epcis_id, e.event_type, e.action, e.event_time, e.record_time, e.biz_step,
       e.disposition, e.read_point, e.biz_location, e.declared_at, e.context_id, e.body, e.canonical, e.terms,
       c.content as context
  from epcis_event e
  left join epcis_context c on c.context_id = e.context_id
 where e.tenant_id = current_tenant();

alter table epcis_capture enable row level security;
alter table epcis_capture force row level security;
create policy own_rows on epcis_capture using (tenant_id = current_tenant());

-- Whoever works off documents must see that some wait before it knows whose they are.
alter table epcis_capture_document enable row level security;
alter table epcis_capture_document force row level security;
create policy own_rows on epcis_capture_document using (tenant_id = current_tenant());
create policy waiting on epcis_capture_document for select
  using (current_setting('wayproof.captures', true) = 'all');

alter table epcis_event enable row level security;
alter table epcis_event force row level security;
create policy own_rows on epcis_event using (tenant_id = current_tenant());

alter table event_number enable row level security;
alter table event_number force row level security;
create policy own_rows on event_number using (tenant_id = current_tenant());

grant select, insert on epcis_context, epcis_event, event_number to wayproof_api;
grant usage on sequence epcis_event_event_id_seq to wayproof_api;
grant select on tenant_epcis_event to wayproof_api;
grant select, insert on epcis_capture to wayproof_api;
grant update (finished_at, is_success, events, errors, forgiven, envelope) on epcis_capture to wayproof_api;
grant select, insert, delete on epcis_capture_document to wayproof_api;
grant update (tries) on epcis_capture_document to wayproof_api;
