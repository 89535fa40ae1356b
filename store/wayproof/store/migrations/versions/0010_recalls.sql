-- Recalls. What was found once is never changed: evaluating again is a further revision, a correction of what a recipient
-- said is a further entry.

create table recall (
  recall_id    uuid primary key default gen_random_uuid(),
  tenant_id    uuid not null references tenant,
  title        text not null check (title <> ''),
  reason       text not null,
  is_mock      boolean not null, -- an exercise: timed as the real one, and nothing is to be fetched back
  request_key  text, -- the caller's Idempotency-Key; null: none
  started_at   timestamptz not null, -- when the question was first asked
  created_at   timestamptz not null default now(),
  closed_at    timestamptz,
  closing_note text not null default '',
  constraint recall_request_seen unique (tenant_id, request_key)
);
create index recall_by_tenant on recall (tenant_id, created_at, recall_id);

create table recall_revision (
  recall_id    uuid not null references recall,
  revision     integer not null check (revision > 0),
  tenant_id    uuid not null references tenant,
  supersedes   integer, -- null: the first
  criteria     jsonb not null, -- wayproof.trace.recall.criteria
  rule_version integer not null, -- wayproof.trace.recall.evaluate.RULE_VERSION
  readings_as_of timestamptz not null, -- of readings: received by then
  journal_as_of  timestamptz not null, -- of events: recorded by then
  began_at     timestamptz not null, -- by the clock of whoever evaluated
  scoped_at    timestamptz not null, -- when everything affected was known
  report       jsonb not null, -- totals, exposures and gaps as they were found
  constraint recall_revision_once primary key (recall_id, revision),
  constraint recall_revision_follows check (supersedes is null and revision = 1 or supersedes = revision - 1)
);

-- What is affected: one row for each thing and place where some of it is.
create table recall_item (
  recall_id    uuid not null,
  revision     integer not null,
  ordinal      integer not null check (ordinal > 0), -- by depth and URI
  tenant_id    uuid not null references tenant,
  uri          text not null, -- canonical
  depth        integer not null check (depth >= 0), -- 0: what the recall starts from
  is_container boolean not null, -- holds affected things; no goods itself
  since        timestamptz, -- from when on it counts as affected; null: always
  detail       text not null, -- why it is a start
  share        double precision, -- of its mass that comes from the starts; null: nobody can tell
  state        text not null, -- wayproof.trace.graph.whereabouts
  place        text, -- URI, as are container and holder
  place_name   text,
  at_since     timestamptz, -- since when it is there
  container    text,
  holder       text,
  quantity     double precision,
  unit         text, -- UN/ECE Recommendation 20; null: pieces
  event_id     bigint, -- the event that tells
  recipient    text, -- whom to tell: holder, else place; null: nobody knows
  primary key (recall_id, revision, ordinal),
  foreign key (recall_id, revision) references recall_revision
);
create index recall_item_by_recipient on recall_item (recall_id, revision, recipient);

-- Whom a recall concerns, once over all its revisions.
create table recall_notice (
  notice_id  uuid primary key default gen_random_uuid(),
  tenant_id  uuid not null references tenant,
  recall_id  uuid not null references recall,
  recipient  text not null, -- URI
  created_at timestamptz not null default now(),
  constraint recall_notice_once unique (recall_id, recipient)
);

-- What was said to a recipient and what was answered. The last acknowledgement counts.
create table recall_entry (
  entry_id     bigint generated always as identity primary key,
  tenant_id    uuid not null references tenant,
  notice_id    uuid not null references recall_notice,
  kind         text not null check (kind in ('told', 'acknowledged')),
  at           timestamptz not null, -- when it was said
  recorded_at  timestamptz not null default clock_timestamp(),
  said_by      text not null, -- who told, or who acknowledged
  means        text not null, -- how: telephone, mail, link
  note         text not null default '',
  quantities   jsonb not null default '[]', -- wayproof.trace.recall.notices.Answered
  token_sha256 bytea constraint recall_entry_token unique check (octet_length(token_sha256) = 32),
  expires_at   timestamptz, -- of the token
  constraint recall_entry_link check ((token_sha256 is null) = (expires_at is null) and (token_sha256 is null or kind = 'told'))
);
create index recall_entry_by_notice on recall_entry (notice_id, entry_id);

alter table recall enable row level security;
alter table recall force row level security;
create policy own_rows on recall using (tenant_id = current_tenant());

alter table recall_revision enable row level security;
alter table recall_revision force row level security;
create policy own_rows on recall_revision using (tenant_id = current_tenant());

alter table recall_item enable row level security;
alter table recall_item force row level security;
create policy own_rows on recall_item using (tenant_id = current_tenant());

alter table recall_notice enable row level security;
alter table recall_notice force row level security;
create policy own_rows on recall_notice using (tenant_id = current_tenant());

-- Whoever comes by a link is known by nothing but its token, so a transaction sees the one row whose token it names.
alter table recall_entry enable row level security;
alter table recall_entry force row level security;
create policy own_rows on recall_entry using (tenant_id = current_tenant());
create policy named_token on recall_entry for select
  using (token_sha256 = decode(nullif(current_setting('wayproof.recall_token', true), ''), 'hex'));

grant select, insert on recall, recall_revision, recall_item, recall_notice, recall_entry to wayproof_api;
grant update (closed_at, closing_note) on recall to wayproof_api;
grant usage on sequence recall_entry_entry_id_seq to wayproof_api;
