-- The foundation: tenants, keys, devices, sites, shipments, readings and the rights on them.
-- Three group roles hold the rights; every process switches to its own when it connects:
--   wayproof_api     serves tenants: sees only rows of the tenant in setting wayproof.tenant_id (row-level security)
--   wayproof_ingest  writes readings of all tenants, and reads of the registry only what that needs
--   wayproof_broker  reads names and password hashes, to tell the broker who may connect

create extension if not exists btree_gist;

-- The tenant on whose behalf this transaction runs; null when none is set, and then no row is visible.
create function current_tenant() returns uuid
  language sql stable parallel safe
  return nullif(current_setting('wayproof.tenant_id', true), '')::uuid;


-- Tenants and their keys ----------------------------------------------------------------------------------------

create table tenant (
  tenant_id  uuid primary key default gen_random_uuid(),
  name       text not null constraint tenant_name_taken unique check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  created_at timestamptz not null default now()
);

create table api_key (
  key_id        text primary key check (key_id ~ '^[A-Za-z0-9]{12}$'), -- the public part; the secret is never stored
  tenant_id     uuid not null references tenant,
  label         text not null check (length(label) between 1 and 200),
  secret_sha256 bytea not null check (octet_length(secret_sha256) = 32),
  scopes        text[] not null check (cardinality(scopes) > 0),
  created_at    timestamptz not null default now(),
  expires_at    timestamptz,
  revoked_at    timestamptz
);
create index api_key_by_tenant on api_key (tenant_id, created_at, key_id);


-- Devices and who may speak to the broker -----------------------------------------------------------------------

create table device (
  device_id  integer generated always as identity primary key, -- four bytes in every reading
  tenant_id  uuid not null references tenant,
  -- The topic level, the MQTT user name and the id in the API: one name over all tenants, as the broker needs it.
  name       text not null constraint device_name_taken unique
             check (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' and name !~ '\.\.'),
  kind       text not null check (kind in ('truck', 'reefer', 'warehouse', 'parcel', 'logger', 'gateway')),
  label      text not null default '' check (length(label) <= 200),
  credential text, -- salted hash in mosquitto's format ($7$, PBKDF2-SHA512); null: may not connect
  version    integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  retired_at timestamptz, -- no more readings are accepted; what was stored stays
  constraint device_of_tenant unique (tenant_id, device_id)
);
create index device_by_tenant on device (tenant_id, created_at, device_id);

-- Our own processes at the broker. The @ keeps their names apart from every device's.
create table broker_service (
  name       text primary key check (name ~ '^svc@[a-z0-9][a-z0-9-]{0,58}$'),
  credential text not null,
  created_at timestamptz not null default now()
);

-- Wakes those who keep a copy of the registry: ingestors and the writer of the broker's files.
create function notify_registry() returns trigger language plpgsql as $$
begin
  perform pg_notify('registry_changed', '');
  return null;
end $$;
create trigger device_changed after insert or update or delete on device
  for each statement execute function notify_registry();
create trigger broker_service_changed after insert or update or delete on broker_service
  for each statement execute function notify_registry();


-- Sites, condition profiles, shipments --------------------------------------------------------------------------

create table site (
  site_id       uuid primary key default gen_random_uuid(),
  tenant_id     uuid not null references tenant,
  name          text not null check (length(name) between 1 and 200),
  kind          text not null check (kind in ('supplier', 'plant', 'warehouse', 'hub', 'port', 'store', 'customer')),
  latitude_deg  double precision not null check (latitude_deg between -90 and 90),
  longitude_deg double precision not null check (longitude_deg between -180 and 180),
  radius_m      double precision not null default 250 check (radius_m between 1 and 100000),
  gln           text check (gln ~ '^[0-9]{13}$'), -- GS1 Global Location Number
  address       text not null default '' check (length(address) <= 1000),
  version       integer not null default 1,
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  constraint site_name_taken unique (tenant_id, name),
  constraint site_of_tenant unique (tenant_id, site_id)
);
create index site_by_tenant on site (tenant_id, created_at, site_id);

-- The band in which goods must be kept. A null limit does not apply. A profile is never changed: a corrected one is
-- a new version, so that an old finding can name what it was judged by.
create table condition_profile (
  profile_id        uuid primary key default gen_random_uuid(),
  tenant_id         uuid not null references tenant,
  name              text not null check (length(name) between 1 and 200),
  version           integer not null default 1 check (version > 0),
  temperature_min_c double precision,
  temperature_max_c double precision,
  humidity_min_pct  double precision,
  humidity_max_pct  double precision,
  shock_max_g       double precision,
  created_at        timestamptz not null default now(),
  check (temperature_min_c <= temperature_max_c),
  check (humidity_min_pct <= humidity_max_pct),
  constraint condition_profile_version_taken unique (tenant_id, name, version),
  constraint condition_profile_of_tenant unique (tenant_id, profile_id)
);
create index condition_profile_by_tenant on condition_profile (tenant_id, created_at, profile_id);

create table shipment (
  shipment_id          uuid primary key default gen_random_uuid(),
  tenant_id            uuid not null references tenant,
  reference            text not null check (length(reference) between 1 and 100), -- the customer's own number
  consignor            text not null check (length(consignor) between 1 and 200),
  consignee            text not null check (length(consignee) between 1 and 200),
  carrier              text not null default '' check (length(carrier) <= 200),
  origin_site_id       uuid not null,
  destination_site_id  uuid not null,
  profile_id           uuid, -- null: no condition is promised
  planned_pickup_at    timestamptz not null,
  planned_delivery_at  timestamptz not null,
  picked_up_at         timestamptz,
  delivered_at         timestamptz,
  cancelled_at         timestamptz,
  version              integer not null default 1,
  created_at           timestamptz not null default now(),
  updated_at           timestamptz not null default now(),
  constraint shipment_plan_in_order check (planned_pickup_at <= planned_delivery_at),
  constraint shipment_fact_in_order check (picked_up_at <= delivered_at),
  constraint shipment_reference_taken unique (tenant_id, reference),
  constraint shipment_of_tenant unique (tenant_id, shipment_id),
  -- With the tenant in the key no row can point into another tenant's data.
  constraint shipment_origin foreign key (tenant_id, origin_site_id) references site (tenant_id, site_id),
  constraint shipment_destination foreign key (tenant_id, destination_site_id) references site (tenant_id, site_id),
  constraint shipment_profile foreign key (tenant_id, profile_id)
    references condition_profile (tenant_id, profile_id)
);
create index shipment_by_tenant on shipment (tenant_id, created_at, shipment_id);

-- From when to when a device rode with a shipment: the leg whose readings are the shipment's.
create table assignment (
  assignment_id uuid primary key default gen_random_uuid(),
  tenant_id     uuid not null references tenant,
  shipment_id   uuid not null,
  device_id     integer not null,
  during        tstzrange not null check (not isempty(during) and lower(during) is not null),
  version       integer not null default 1,
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  constraint assignment_shipment foreign key (tenant_id, shipment_id) references shipment (tenant_id, shipment_id),
  constraint assignment_device foreign key (tenant_id, device_id) references device (tenant_id, device_id),
  constraint assignment_overlaps exclude using gist (shipment_id with =, device_id with =, during with &&)
);
create index assignment_by_tenant on assignment (tenant_id, created_at, assignment_id);
create index assignment_by_device on assignment using gist (device_id, during);


-- Readings ------------------------------------------------------------------------------------------------------

-- Every reading once, as the device sent it. Columns stand widest first, so no padding is stored.
-- No foreign key to device: devices are never deleted, and the check would cost as much as the insert.
-- No row-level security: PostgreSQL refuses COPY into such a table. The API's role has no right here at all;
-- it reads through tenant_reading.
create table reading (
  observed_at   timestamptz not null, -- by the device's clock
  received_at   timestamptz not null, -- by ours
  seq           bigint not null,
  device_id     integer not null,
  boot          integer not null,
  clock_flags   smallint not null,    -- wayproof.model.clock.ClockFlag; 0: plausible
  latitude_deg  double precision,
  longitude_deg double precision,
  altitude_m    double precision,
  accuracy_m    double precision,
  speed_mps     double precision,
  heading_deg   double precision,
  temperature_c double precision,
  humidity_pct  double precision,
  pressure_hpa  double precision,
  light_lux     double precision,
  shock_g       double precision,
  battery_pct   double precision,
  door_open     boolean,
  extra         jsonb
) partition by range (observed_at);
create unique index reading_identity on reading (device_id, observed_at, boot, seq);
create index reading_observed_at on reading using brin (observed_at);

-- Days are opened ahead. What fits no open day (wrong clocks, old backfill) waits here: no DDL on the hot path.
create table reading_default partition of reading default;

-- Opens the partition of one UTC day; rows of that day that wait in reading_default move into it. True if it is new.
create function open_reading_day(day date) returns boolean language plpgsql as $$
declare
  part  text := 'reading_' || to_char(day, 'YYYYMMDD');
  since timestamptz := day::timestamp at time zone 'UTC';
  until timestamptz := (day + 1)::timestamp at time zone 'UTC';
begin
  if to_regclass(part) is not null then
    return false;
  end if;
  -- Against two openers at once, and against rows that arrive in the default partition while we move.
  lock table reading_default in access exclusive mode;
  if to_regclass(part) is not null then
    return false;
  end if;
  execute format('create table %I (like reading including defaults including constraints)', part);
  execute format(
    'with moved as (delete from reading_default where observed_at >= %L and observed_at < %L returning *) '
    'insert into %I select * from moved', since, until, part);
  execute format('alter table reading attach partition %I for values from (%L) to (%L)', part, since, until);
  return true;
end $$;

-- Drops what is older than the retention. Readings with a wrong clock go by the time we received them.
create function drop_readings_before(cutoff timestamptz) returns integer language plpgsql as $$
declare
  part    record;
  dropped integer := 0;
begin
  for part in
    select child.relname as name
      from pg_inherits join pg_class child on child.oid = inhrelid
     where inhparent = 'reading'::regclass
       and child.relname ~ '^reading_[0-9]{8}$'
       and (to_date(right(child.relname, 8), 'YYYYMMDD') + 1)::timestamp at time zone 'UTC' <= cutoff
  loop
    execute format('drop table %I', part.name);
    dropped := dropped + 1;
  end loop;
  delete from reading_default
   where case when clock_flags = 0 then observed_at else received_at end < cutoff;
  return dropped;
end $$;

-- The latest that each device told, by observed time, out of readings with a plausible clock. Kept in the transaction
-- that stores the readings. Position and temperature have a time of their own: a message without a position does not
-- make the last position unknown. Equal times are decided by (boot, seq), so that order of arrival does not matter.
create table device_state (
  device_id               integer primary key references device,
  received_at             timestamptz not null, -- last contact, whatever the device's clock said
  observed_at             timestamptz,
  boot                    integer,
  seq                     bigint,
  battery_pct             double precision,
  door_open               boolean,
  position_observed_at    timestamptz,
  position_boot           integer,
  position_seq            bigint,
  latitude_deg            double precision,
  longitude_deg           double precision,
  altitude_m              double precision,
  accuracy_m              double precision,
  speed_mps               double precision,
  heading_deg             double precision,
  temperature_observed_at timestamptz,
  temperature_boot        integer,
  temperature_seq         bigint,
  temperature_c           double precision,
  humidity_pct            double precision,
  readings                bigint not null default 0, -- how many are stored
  dirty_since             timestamptz -- earliest observed_at that tracking has not folded yet; null: nothing new
) with (fillfactor = 50); -- leaves room for HOT updates
create index device_state_dirty on device_state (dirty_since) where dirty_since is not null;

-- Whether (observed_at, boot, seq) tells of later than another; a null time tells nothing. Inlined by the planner.
create function is_newer(a timestamptz, a_boot integer, a_seq bigint, b timestamptz, b_boot integer, b_seq bigint)
  returns boolean language sql immutable parallel safe
  return coalesce((a, a_boot, a_seq) > (b, b_boot, b_seq), a is not null);

-- Measures by device and quarter of an hour, out of readings with a plausible clock, kept in the transaction that stores
-- them. Sums are whole millionths, so that the order of arrival leaves no trace in them.
create table reading_rollup (
  device_id      integer not null,
  measure        smallint not null, -- wayproof.store.reduce.ROLLED_UP
  begins_at      timestamptz not null,
  count          integer not null check (count > 0),
  low            double precision not null,
  high           double precision not null,
  sum_millionths numeric not null,
  primary key (device_id, measure, begins_at)
) with (fillfactor = 70);

-- Which (boot, seq) of a device are stored: an exact set, whoever commits first. Receipts are read off it.
create table device_sequence (
  device_id integer not null references device,
  boot      integer not null check (boot > 0),
  seqs      int8multirange not null,
  primary key (device_id, boot)
) with (fillfactor = 50);

-- What could not be understood, byte for byte. The same bytes on the same topic are one row, counted.
create table quarantine (
  quarantine_id     bigint generated always as identity primary key,
  digest            bytea not null constraint quarantine_seen unique check (octet_length(digest) = 32),
  tenant_id         uuid references tenant, -- null: the topic names no device of ours
  device            text,                   -- the name in the topic, where there is one
  topic             text not null,
  payload           bytea not null,
  reason            text not null,          -- wayproof.model.errors.QuarantineReason
  detail            text not null,
  times_received    integer not null default 1,
  first_received_at timestamptz not null,
  last_received_at  timestamptz not null
);
create index quarantine_by_time on quarantine (last_received_at);


-- What the API's role sees of readings --------------------------------------------------------------------------

-- No security_barrier: it would keep ORDER BY ... LIMIT from using the index (a device's last reading of 500,000: 340 ms
-- instead of 0.2). A barrier guards against leaking functions in queries that the role itself writes; a role that could
-- write queries could as well name another tenant. The tenant's filter holds either way.
create view tenant_reading as
select d.name as device, r.observed_at, r.received_at, r.seq, r.device_id, r.boot, r.clock_flags,
       r.latitude_deg, r.longitude_deg, r.altitude_m, r.accuracy_m, r.speed_mps, r.heading_deg, r.temperature_c,
       r.humidity_pct, r.pressure_hpa, r.light_lux, r.shock_g, r.battery_pct, r.door_open, r.extra
  from device d join reading r using (device_id)
 where d.tenant_id = current_tenant();

create view tenant_device_state as
select s.device_id, s.received_at, s.observed_at, s.boot, s.seq, s.battery_pct, s.door_open,
       s.position_observed_at, s.position_boot, s.position_seq,
       s.latitude_deg, s.longitude_deg, s.altitude_m, s.accuracy_m, s.speed_mps, s.heading_deg,
       s.temperature_observed_at, s.temperature_boot, s.temperature_seq, s.temperature_c, s.humidity_pct, s.readings
  from device d join device_state s using (device_id)
 where d.tenant_id = current_tenant();

create view tenant_reading_rollup as
select r.device_id, r.measure, r.begins_at, r.count, r.low, r.high, r.sum_millionths
  from device d join reading_rollup r using (device_id)
 where d.tenant_id = current_tenant();


-- Rights --------------------------------------------------------------------------------------------------------

do $$
declare
  wanted text;
begin
  foreach wanted in array array['wayproof_api', 'wayproof_ingest', 'wayproof_broker'] loop
    begin
      execute format('create role %I nologin', wanted);
    exception when duplicate_object or unique_violation then null; -- roles belong to the server, not to a database
    end;
  end loop;
end $$;

alter table tenant enable row level security;
alter table tenant force row level security;
create policy own_rows on tenant using (tenant_id = current_tenant());

-- A key is looked up before its tenant is known: who can name its public id may read that one row.
alter table api_key enable row level security;
alter table api_key force row level security;
create policy own_rows on api_key using (tenant_id = current_tenant());
create policy named_key on api_key for select
  using (key_id = nullif(current_setting('wayproof.key_id', true), ''));

alter table device enable row level security;
alter table device force row level security;
create policy own_rows on device using (tenant_id = current_tenant());
create policy all_tenants on device for select to wayproof_ingest, wayproof_broker using (true);

alter table site enable row level security;
alter table site force row level security;
create policy own_rows on site using (tenant_id = current_tenant());

alter table condition_profile enable row level security;
alter table condition_profile force row level security;
create policy own_rows on condition_profile using (tenant_id = current_tenant());

alter table shipment enable row level security;
alter table shipment force row level security;
create policy own_rows on shipment using (tenant_id = current_tenant());

alter table assignment enable row level security;
alter table assignment force row level security;
create policy own_rows on assignment using (tenant_id = current_tenant());

alter table quarantine enable row level security;
alter table quarantine force row level security;
create policy own_rows on quarantine using (tenant_id = current_tenant());
create policy all_tenants on quarantine to wayproof_ingest using (true) with check (true);

grant usage on schema public to wayproof_api, wayproof_ingest, wayproof_broker;

grant select on tenant to wayproof_api;
grant select, insert on api_key to wayproof_api;
grant update (label, revoked_at) on api_key to wayproof_api;
grant select (device_id, tenant_id, name, kind, label, version, created_at, updated_at, retired_at) on device
  to wayproof_api; -- not the credential
grant insert on device to wayproof_api;
grant update (kind, label, credential, version, updated_at, retired_at) on device to wayproof_api;
grant select, insert, update on site, shipment, assignment to wayproof_api;
grant select, insert on condition_profile to wayproof_api;
grant select on quarantine, tenant_reading, tenant_device_state, tenant_reading_rollup to wayproof_api;

grant select (device_id, tenant_id, name, retired_at) on device to wayproof_ingest;
grant select, insert on reading to wayproof_ingest;
grant select, insert, update on device_state, device_sequence, reading_rollup, quarantine to wayproof_ingest;
grant delete on quarantine to wayproof_ingest; -- what a replay has stored

grant select (name, credential, retired_at) on device to wayproof_broker;
grant select on broker_service to wayproof_broker;
