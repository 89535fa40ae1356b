-- Named queries of EPCIS events, subscriptions to them, and how queries find events.

-- Pages of queries without an order, and what subscribers have not seen, come in the order of capture.
create index epcis_event_by_place on epcis_event (tenant_id, event_id);

-- The top-level resources: what bizSteps, dispositions and places there are.
create index epcis_event_by_event_type on epcis_event (tenant_id, event_type collate "C");
create index epcis_event_by_biz_step on epcis_event (tenant_id, biz_step collate "C");
create index epcis_event_by_disposition on epcis_event (tenant_id, disposition collate "C");
create index epcis_event_by_read_point on epcis_event (tenant_id, read_point collate "C");
create index epcis_event_by_biz_location on epcis_event (tenant_id, biz_location collate "C");

-- Documents that brought master data: queries ask for descendants and attributes of places.
create index epcis_capture_with_master_data on epcis_capture (tenant_id, created_at)
  where envelope #> '{epcisHeader,epcisMasterData,vocabularyList}' is not null;

-- The tenant's events for which everything holds; a null condition holds always. PostgreSQL writes it into the query
-- that calls it, so each condition may use its index.
create function matching_epcis_events(
  words tsquery,              -- over terms
  epcis_ids text[],
  event_since timestamptz, event_before timestamptz,
  record_since timestamptz, record_before timestamptz,
  declared_since timestamptz, declared_before timestamptz,
  after_id bigint, upto_id bigint, -- places in the journal: greater than the one, not greater than the other
  conditions integer,         -- how many conditions on numbers there are; null: none
  condition integer[],        -- which of them a range belongs to: one of its ranges must hold
  fields text[], dimensions text[], lows double precision[], highs double precision[]
) returns setof tenant_epcis_event
  language sql stable parallel safe
begin atomic
  select e.event_id, e.tenant_id, e.capture_id, e.epcis_id, e.event_type, e.action, e.event_time, e.record_time,
         e.biz_step, e.disposition, e.read_point, e.biz_location, e.declared_at, e.context_id, e.body, e.canonical,
         e.terms, e.context
    from tenant_epcis_event e
   where (words is null or e.terms @@ words)
     and (epcis_ids is null or e.epcis_id = any(epcis_ids))
     and (event_since is null or e.event_time >= event_since)
     and (event_before is null or e.event_time < event_before)
     and (record_since is null or e.record_time >= record_since)
     and (record_before is null or e.record_time < record_before)
     and (declared_since is null or e.declared_at >= declared_since)
     and (declared_before is null or e.declared_at < declared_before)
     and (after_id is null or e.event_id > after_id)
     and (upto_id is null or e.event_id <= upto_id)
     and (conditions is null or e.event_id in (
           select n.event_id
             from unnest(condition, fields, dimensions, lows, highs) r (condition, field, dimension, low, high)
             join event_number n on n.tenant_id = current_tenant() and n.field = r.field
              and n.dimension = r.dimension and n.value between r.low and r.high
            group by n.event_id
           having count(distinct r.condition) = conditions));
end;

-- Queries under a name (EPCIS 2.0 §12.7.2).
create table epcis_query (
  tenant_id  uuid not null references tenant,
  name       text not null check (length(name) between 1 and 200),
  body       text not null, -- parameters as they were given, JSON
  created_at timestamptz not null default now(),
  constraint epcis_query_name_taken primary key (tenant_id, name)
);

-- Who is told by webhook what a named query finds anew (EPCIS 2.0 §8.2.5, §12.7.3). Whoever tells holds the row's lock.
create table epcis_subscription (
  subscription_id uuid primary key default gen_random_uuid(),
  tenant_id       uuid not null references tenant,
  query_name      text not null,
  dest            text not null check (length(dest) between 1 and 2000),
  signature_token text not null check (length(signature_token) <= 500), -- '' for unsigned
  schedule        jsonb, -- fields as of cron; null: at once
  report_if_empty boolean not null default false,
  epc_format      text not null,
  initial_record_time timestamptz not null, -- nothing recorded before is told
  created_at      timestamptz not null default now(),
  last_seen_id    bigint not null, -- place in the journal up to which everything has been told
  last_told_at    timestamptz, -- when the other side last said 200
  due_at          timestamptz not null, -- when to look again
  failures        integer not null default 0 check (failures >= 0), -- since the last success
  last_failure    text,
  constraint epcis_subscription_query foreign key (tenant_id, query_name)
    references epcis_query (tenant_id, name) on delete cascade
);
create index epcis_subscription_by_query on epcis_subscription (tenant_id, query_name, created_at, subscription_id);
create index epcis_subscription_by_due on epcis_subscription (due_at);

alter table epcis_query enable row level security;
alter table epcis_query force row level security;
create policy own_rows on epcis_query using (tenant_id = current_tenant());

-- Whoever tells subscribers must see that some wait before it knows whose they are.
alter table epcis_subscription enable row level security;
alter table epcis_subscription force row level security;
create policy own_rows on epcis_subscription using (tenant_id = current_tenant());
create policy waiting on epcis_subscription for select
  using (current_setting('wayproof.subscriptions', true) = 'all');

grant select, insert, delete on epcis_query, epcis_subscription to wayproof_api;
grant update (last_seen_id, last_told_at, due_at, failures, last_failure) on epcis_subscription to wayproof_api;
