-- The whole schema as it stands after the last migration; tests/store/test_schema.py proves that they agree.
--
-- Four group roles hold the rights; every process switches to its own when it connects:
--   wayproof_api     serves tenants: sees only rows of the tenant in setting wayproof.tenant_id (row-level security)
--   wayproof_ingest  writes readings of all tenants, and reads of the registry only what that needs
--   wayproof_broker  reads names and password hashes, to tell the broker who may connect
--   wayproof_ledger  reads the log, and signs and anchors its checkpoints

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

-- A column of a packed day: the n-th element belongs to the n-th reading. The narrowest array that holds them all is
-- there, the others are null; none at all: every offset is 0.
create type packed_integers as (small smallint[], medium integer[], wide bigint[]);
create type packed_numbers as (small smallint[], medium integer[], single real[], double double precision[]);

-- Days past the packing age on plain PostgreSQL, a row a device and UTC day; only readings with a plausible clock.
-- Exactly what was packed comes out of unpacked_reading: store/packed.py has the encoding.
create table reading_packed (
  begins_at     timestamptz not null, -- of the day
  device_id     integer not null,
  readings      integer not null check (readings > 0),
  -- Of observed_at, received_at, boot, seq in this order: the n-th value, n from 0, is start + step * n + unit * offset.
  starts        bigint[] not null,
  steps         bigint[] not null,
  units         bigint[] not null,
  -- Of the measures, in the order of their columns: a value is (base + offset) / divisor.
  bases         double precision[] not null,
  divisors      double precision[] not null,
  observed_at   packed_integers not null, -- microseconds since begins_at
  received_at   packed_integers not null, -- microseconds since observed_at
  boot          packed_integers not null,
  seq           packed_integers not null,
  latitude_deg  packed_numbers,           -- null: no reading told it
  longitude_deg packed_numbers,
  altitude_m    packed_numbers,
  accuracy_m    packed_numbers,
  speed_mps     packed_numbers,
  heading_deg   packed_numbers,
  temperature_c packed_numbers,
  humidity_pct  packed_numbers,
  pressure_hpa  packed_numbers,
  light_lux     packed_numbers,
  shock_g       packed_numbers,
  battery_pct   packed_numbers,
  door_open     boolean[],
  extra         jsonb[],
  constraint reading_packed_identity primary key (device_id, begins_at)
);
create index reading_packed_begins_at on reading_packed using brin (begins_at);

create function packed_offsets(p packed_integers) returns bigint[] language sql immutable parallel safe
  return coalesce((p).small::bigint[], (p).medium::bigint[], (p).wide);

create function packed_offsets(p packed_numbers) returns double precision[] language sql immutable parallel safe
  return coalesce((p).small::double precision[], (p).medium::double precision[], (p).single::double precision[],
                  (p).double);

create view unpacked_reading as
select p.begins_at, p.begins_at + u.observed_us * interval '1 microsecond' as observed_at,
       p.begins_at + (u.observed_us + p.starts[2] + p.steps[2] * u.n + p.units[2] * coalesce(u.received_at, 0))
         * interval '1 microsecond' as received_at,
       p.starts[4] + p.steps[4] * u.n + p.units[4] * coalesce(u.seq, 0) as seq,
       p.device_id,
       (p.starts[3] + p.steps[3] * u.n + p.units[3] * coalesce(u.boot, 0))::integer as boot,
       0::smallint as clock_flags,
       (p.bases[1] + u.latitude_deg) / p.divisors[1] as latitude_deg,
       (p.bases[2] + u.longitude_deg) / p.divisors[2] as longitude_deg,
       (p.bases[3] + u.altitude_m) / p.divisors[3] as altitude_m,
       (p.bases[4] + u.accuracy_m) / p.divisors[4] as accuracy_m,
       (p.bases[5] + u.speed_mps) / p.divisors[5] as speed_mps,
       (p.bases[6] + u.heading_deg) / p.divisors[6] as heading_deg,
       (p.bases[7] + u.temperature_c) / p.divisors[7] as temperature_c,
       (p.bases[8] + u.humidity_pct) / p.divisors[8] as humidity_pct,
       (p.bases[9] + u.pressure_hpa) / p.divisors[9] as pressure_hpa,
       (p.bases[10] + u.light_lux) / p.divisors[10] as light_lux,
       (p.bases[11] + u.shock_g) / p.divisors[11] as shock_g,
       (p.bases[12] + u.battery_pct) / p.divisors[12] as battery_pct,
       u.door_open, u.extra
  from reading_packed p
 cross join lateral (
   select n, p.starts[1] + p.steps[1] * n + p.units[1] * coalesce(observed_at, 0) as observed_us, received_at, boot,
          seq, latitude_deg, longitude_deg, altitude_m, accuracy_m, speed_mps, heading_deg, temperature_c,
          humidity_pct, pressure_hpa, light_lux, shock_g, battery_pct, door_open, extra
     from rows from (
       generate_series(0, p.readings - 1),
       unnest(packed_offsets(p.observed_at)), unnest(packed_offsets(p.received_at)),
       unnest(packed_offsets(p.boot)), unnest(packed_offsets(p.seq)),
       unnest(packed_offsets(p.latitude_deg)), unnest(packed_offsets(p.longitude_deg)),
       unnest(packed_offsets(p.altitude_m)), unnest(packed_offsets(p.accuracy_m)),
       unnest(packed_offsets(p.speed_mps)), unnest(packed_offsets(p.heading_deg)),
       unnest(packed_offsets(p.temperature_c)), unnest(packed_offsets(p.humidity_pct)),
       unnest(packed_offsets(p.pressure_hpa)), unnest(packed_offsets(p.light_lux)),
       unnest(packed_offsets(p.shock_g)), unnest(packed_offsets(p.battery_pct)),
       unnest(p.door_open), unnest(p.extra)
     ) as packed (n, observed_at, received_at, boot, seq, latitude_deg, longitude_deg, altitude_m, accuracy_m,
                  speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux, shock_g, battery_pct,
                  door_open, extra)) u;

-- Which of these readings stand in a packed day. For writers, of all that is older than a day, in the transaction that
-- inserts and before it does: until that ends nobody packs those days, so that nothing is stored both here and there.
create function packed_identities(device_ids integer[], observed_ats timestamptz[], boots integer[], seqs bigint[])
  returns table (device_id integer, observed_at timestamptz, boot integer, seq bigint)
  language plpgsql security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
begin
  -- By day of the month: a batch may hold thousands of days, and the server's table of locks is small.
  perform pg_advisory_xact_lock_shared(7243392, of_month)
     from (select distinct extract(day from at at time zone 'UTC')::integer as of_month from unnest(observed_ats) at
            order by of_month) days;
  return query
    select u.device_id, u.observed_at, u.boot, u.seq
      from (select distinct a.device_id, date_trunc('day', a.observed_at, 'UTC') as begins_at
              from unnest(device_ids, observed_ats) as a (device_id, observed_at)) day
      join unpacked_reading u using (device_id, begins_at)
      join unnest(device_ids, observed_ats, boots, seqs) as asked (device_id, observed_at, boot, seq)
        on (asked.device_id, asked.observed_at, asked.boot, asked.seq) = (u.device_id, u.observed_at, u.boot, u.seq);
end $$;

-- Keeps writers from the rows of a day that is about to be packed; to be called before they are read.
create function begin_packing(day date) returns void language plpgsql as $$
begin
  perform pg_advisory_xact_lock(7243392, extract(day from day)::integer);
  execute format('lock table %s in share row exclusive mode',
                 coalesce(to_regclass('reading_' || to_char(day, 'YYYYMMDD')), 'reading_default'));
end $$;

-- Removes what was packed. Readings with a wrong clock stay, and wait where all such readings wait.
create function end_packing(day date) returns void language plpgsql as $$
declare
  part text := 'reading_' || to_char(day, 'YYYYMMDD');
begin
  if to_regclass(part) is null then
    delete from reading_default
     where clock_flags = 0 and observed_at >= day::timestamp at time zone 'UTC'
       and observed_at < (day + 1)::timestamp at time zone 'UTC';
  else
    perform drop_reading_day(part, 'clock_flags <> 0');
  end if;
end $$;

-- Drops one day's partition, but not the rows that are still wanted: they move to reading_default.
create function drop_reading_day(part text, wanted text) returns void language plpgsql as $$
begin
  execute format('create temporary table reading_kept on commit drop as select * from %I where %s', part, wanted);
  execute format('drop table %I', part);
  insert into reading select * from reading_kept;
  drop table reading_kept;
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
    perform drop_reading_day(part.name, format('clock_flags <> 0 and received_at >= %L', cutoff));
    dropped := dropped + 1;
  end loop;
  delete from reading_default
   where case when clock_flags = 0 then observed_at else received_at end < cutoff;
  with gone as (
    delete from reading_packed where begins_at + interval '24 hours' <= cutoff returning begins_at
  )
  select dropped + count(distinct begins_at) from gone into dropped;
  return dropped;
end $$;

-- Every reading, packed or not. Whoever asks for a span of observed_at asks for the same of filed_at, from a day earlier
-- on: by that whole packed days are left out.
create view any_reading as
select observed_at, received_at, seq, device_id, boot, clock_flags, latitude_deg, longitude_deg, altitude_m, accuracy_m,
       speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux, shock_g, battery_pct, door_open,
       extra, observed_at as filed_at, false as is_packed
  from reading
union all
select observed_at, received_at, seq, device_id, boot, clock_flags, latitude_deg, longitude_deg, altitude_m, accuracy_m,
       speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux, shock_g, battery_pct, door_open,
       extra, begins_at, true
  from unpacked_reading;

-- On TimescaleDB `reading` is a hypertable under the same name: days are its chunks, and old ones become columnstore.
do $$
declare
  has_columnstore boolean;
begin
  -- Its loader sets this parameter: an extension that the server has not preloaded cannot be made.
  if current_setting('timescaledb.disable_load', true) is null
     or not exists (select from pg_available_extensions where name = 'timescaledb') then
    return;
  end if;
  create extension if not exists timescaledb;
  has_columnstore := current_setting('timescaledb.license') = 'timescale';

  drop view any_reading;
  alter table reading rename to reading_by_day;
  alter index reading_identity rename to reading_by_day_identity;
  create table reading (like reading_by_day);
  perform create_hypertable('reading', by_range('observed_at', interval '1 day'), create_default_indexes => false);
  create unique index reading_identity on reading (device_id, observed_at, boot, seq);
  insert into reading select * from reading_by_day;
  drop table reading_by_day;
  if has_columnstore then
    alter table reading set (timescaledb.enable_columnstore, timescaledb.segmentby = 'device_id',
                             timescaledb.orderby = 'observed_at, boot, seq');
  end if;

  -- Nothing is packed here, and under a union the planner knows too little of the chunks.
  create view any_reading as
  select observed_at, received_at, seq, device_id, boot, clock_flags, latitude_deg, longitude_deg, altitude_m, accuracy_m,
         speed_mps, heading_deg, temperature_c, humidity_pct, pressure_hpa, light_lux, shock_g, battery_pct, door_open,
         extra, observed_at as filed_at, false as is_packed
    from reading;

  -- Chunks are made when they are needed.
  create or replace function open_reading_day(day date) returns boolean language sql immutable return false;

  create or replace function drop_readings_before(cutoff timestamptz) returns integer language plpgsql as $body$
  declare
    part    record;
    stale   text;
    is_met  boolean;
    dropped integer := 0;
  begin
    for part in
      select format('%I.%I', chunk_schema, chunk_name) as name, range_start, range_end, range_end <= cutoff as is_past
        from timescaledb_information.chunks
       where hypertable_schema = 'public' and hypertable_name = 'reading'
    loop
      execute format('select exists (select from %s where clock_flags > 0 and received_at >= %L)', part.name, cutoff)
         into is_met;
      if part.is_past and not is_met then
        perform drop_chunks('reading', older_than => part.range_end, newer_than => part.range_start);
        dropped := dropped + 1;
        continue;
      end if;
      -- Looked for first: a delete that meets nothing would still unpack the columnstore.
      stale := format('%s where (clock_flags > 0 and received_at < %L) or (clock_flags = 0 and %L)',
                      part.name, cutoff, part.is_past);
      execute 'select exists (select from ' || stale || ')' into is_met;
      if is_met then
        execute 'delete from ' || stale;
      end if;
    end loop;
    return dropped;
  end $body$;
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

-- Which (boot, seq) of a device are stored: an exact set, whoever commits first. Receipts are read off it. Gaps in great
-- number would make a row that every commit rewrites whole, so such a set stands in several rows, as in the leaves of a
-- B-tree: each holds whole ranges, all of them below the next row's `since`.
create table device_sequence (
  device_id integer not null references device,
  boot      integer not null check (boot > 0),
  since     bigint not null default 0 check (since >= 0), -- the lowest number in the row; 0: the boot's first row
  pages     integer not null default 1 check (pages > 0), -- in the first row: in how many rows the set stands
  seqs      int8multirange not null,
  primary key (device_id, boot, since)
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
       r.humidity_pct, r.pressure_hpa, r.light_lux, r.shock_g, r.battery_pct, r.door_open, r.extra,
       r.filed_at, r.is_packed
  from device d join any_reading r using (device_id)
 where d.tenant_id = current_tenant();

-- Which days are packed: whoever wants the first few of many takes day after day, so that no more of them are unpacked
-- than it takes. Readings that are not packed come in order of the index.
create view tenant_packed_day as
select p.device_id, p.begins_at as filed_at
  from device d join reading_packed p using (device_id)
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


-- The log of custody ---------------------------------------------------------------------------------------------

-- Whose log this is. Founded once: the origin, the key and the contract are what auditors pin.
create table log_identity (
  singleton  boolean primary key default true check (singleton),
  origin     text not null check (origin ~ '^[^[:space:]+]{1,200}$'), -- first line of every checkpoint, name of its key
  public_key bytea not null check (octet_length(public_key) = 32),    -- Ed25519
  chain_id   bigint not null check (chain_id > 0),
  contract   bytea not null check (octet_length(contract) = 20),
  created_at timestamptz not null default now()
);

-- How many leaves there are. Whoever appends holds this row to the end of the transaction: leaves stand in the order of
-- commits, and no reader ever sees a gap.
create table log_head (
  singleton boolean primary key default true check (singleton),
  size      bigint not null check (size >= 0)
);
insert into log_head (size) values (0);

create table log_entry (
  leaf_index  bigint primary key check (leaf_index >= 0),
  kind        text not null check (kind in ('handoff', 'tombstone')),
  entry       bytea not null check (octet_length(entry) between 1 and 65535), -- public: what is hashed
  salt        bytea check (octet_length(salt) = 32),
  payload     bytea,                                                          -- what `entry` commits to
  appended_at timestamptz not null default now(),
  erased_at   timestamptz, -- of salt and payload
  constraint log_entry_erased_wholly check ((erased_at is null) = (salt is not null)
                                            and (erased_at is null) = (payload is not null))
);

-- The tree, 256 hashes a row (C2SP tlog-tiles): hash n of tile t of level l is that of the 256^l leaves from
-- (256 t + n) * 256^l on. `nodes` holds the seven heights above `hashes` inside the tile, each node where it became
-- complete (post-order), so that a proof reads hashes and computes none. Only the last tile of a level grows.
create table log_tile (
  level      smallint not null check (level between 0 and 7),
  tile_index bigint not null check (tile_index >= 0),
  hashes     bytea not null check (octet_length(hashes) between 32 and 8192 and octet_length(hashes) % 32 = 0),
  nodes      bytea not null check (octet_length(nodes) between 0 and 8128 and octet_length(nodes) % 32 = 0),
  primary key (level, tile_index)
);
-- Hashes do not compress, and one of them can be read without its tile.
alter table log_tile alter column hashes set storage external, alter column nodes set storage external;

create table log_checkpoint (
  size      bigint primary key check (size >= 0),
  root      bytea not null check (octet_length(root) = 32),
  note      text not null, -- C2SP tlog-checkpoint, signed
  signed_at timestamptz not null default now()
);

create function refuse_log_change() returns trigger language plpgsql as $$
begin
  raise exception 'the log only grows: % of % refused', lower(tg_op), tg_table_name using errcode = 'restrict_violation';
end $$;

create trigger log_identity_stays before update or delete or truncate on log_identity
  for each statement execute function refuse_log_change();
create trigger log_head_stays before delete or truncate on log_head
  for each statement execute function refuse_log_change();
create trigger log_head_only_grows before update on log_head
  for each row when (new.size <= old.size) execute function refuse_log_change();
create trigger log_entry_stays before delete or truncate on log_entry
  for each statement execute function refuse_log_change();
create trigger log_entry_is_only_erased before update on log_entry
  for each row when (
    (old.leaf_index, old.kind, old.entry, old.appended_at)
      is distinct from (new.leaf_index, new.kind, new.entry, new.appended_at)
    or old.erased_at is not null or new.erased_at is null)
  execute function refuse_log_change();
create trigger log_tile_stays before delete or truncate on log_tile
  for each statement execute function refuse_log_change();
create trigger log_tile_only_grows before update on log_tile
  for each row when (
    (old.level, old.tile_index) is distinct from (new.level, new.tile_index)
    or substring(new.hashes from 1 for octet_length(old.hashes)) <> old.hashes
    or substring(new.nodes from 1 for octet_length(old.nodes)) <> old.nodes)
  execute function refuse_log_change();
create trigger log_checkpoint_stays before update or delete or truncate on log_checkpoint
  for each statement execute function refuse_log_change();


-- Anchors of the log ---------------------------------------------------------------------------------------------

-- A checkpoint that is to stand on the chain. One process writes here (advisory lock of store/anchors.sql).
create table anchor (
  size         bigint primary key check (size > 0) references log_checkpoint,
  root         bytea not null check (octet_length(root) = 32),
  note_hash    bytea not null check (octet_length(note_hash) = 32), -- SHA-256 of the signed note
  state        text not null default 'queued', -- wayproof.model.handoff.AnchorState
  queued_at    timestamptz not null default now(),
  -- Where it stands on the chain, from `mined` on. The transaction may be one that we know nothing of any more.
  tx_hash      bytea check (octet_length(tx_hash) = 32),
  block_number bigint,
  block_hash   bytea check (octet_length(block_hash) = 32),
  block_time   timestamptz,
  fee_wei      numeric,
  constraint anchor_included check ((state in ('mined', 'safe', 'final')) = (tx_hash is not null)),
  constraint anchor_whole check (num_nulls(tx_hash, block_number, block_hash, block_time, fee_wei) in (0, 5))
);
create index anchor_open on anchor (size) where state not in ('final', 'superseded');

-- Every transaction that was ever signed for an anchor, stored before it is broadcast. Those of one nonce replace one
-- another.
create table anchor_transaction (
  tx_hash          bytea primary key check (octet_length(tx_hash) = 32),
  size             bigint not null references anchor,
  nonce            bigint not null check (nonce >= 0),
  raw              bytea not null,
  max_fee_wei      numeric not null,
  priority_fee_wei numeric not null,
  signed_at        timestamptz not null,
  submitted_at     timestamptz, -- when a node first took it, since it was last broadcast anew
  refusal          text         -- why the last node that was asked did not
);
create index anchor_transaction_by_size on anchor_transaction (size);

-- What the anchorer worries about now; a row goes when the worry does.
create table anchor_alarm (
  alarm  text primary key, -- wayproof.model.anchor.Alarm
  detail text not null,
  since  timestamptz not null default now()
);


-- Custody: parties and their keys, handoffs, evidence --------------------------------------------------------------

create table party (
  party_id   uuid primary key default gen_random_uuid(),
  tenant_id  uuid not null references tenant,
  name       text not null check (length(name) between 1 and 200),
  gln        text check (gln ~ '^[0-9]{13}$'), -- GS1 Global Location Number
  created_at timestamptz not null default now(),
  constraint party_name_taken unique (tenant_id, name),
  constraint party_of_tenant unique (tenant_id, party_id)
);
create index party_by_tenant on party (tenant_id, created_at, party_id);

create table party_key (
  -- Over all tenants: a signature speaks for one party and no other.
  address    bytea constraint party_key_taken primary key check (octet_length(address) = 20),
  tenant_id  uuid not null,
  party_id   uuid not null,
  claim      bytea not null check (octet_length(claim) = 65), -- EIP-712 KeyClaim by the key itself: proof of possession
  claimed_at timestamptz not null,
  valid_from timestamptz not null default now(),
  revoked_at timestamptz,
  constraint party_key_party foreign key (tenant_id, party_id) references party (tenant_id, party_id)
);
create index party_key_by_party on party_key (party_id, valid_from);

-- The readings of the legs that end in a handoff, as they stood when it was drafted. With all leaf hashes kept, a late
-- reading changes nothing, a changed or vanished one is found, and each one can be proven.
create table evidence (
  evidence_id uuid primary key default gen_random_uuid(),
  tenant_id   uuid not null references tenant, -- of the devices
  legs        jsonb not null,                  -- [{"device", "begins_at", "ends_at"}]
  cutoff      timestamptz not null,            -- readings received later are not part of it
  root        bytea not null check (octet_length(root) = 32),
  leaf_hashes bytea not null check (octet_length(leaf_hashes) % 32 = 0),
  created_at  timestamptz not null default now()
);
alter table evidence alter column leaf_hashes set storage external; -- hashes do not compress

-- Who proposes a handoff is the one tenant that sees it before it is signed.
create table handoff (
  handoff_id         uuid primary key default gen_random_uuid(),
  digest             bytea not null constraint handoff_known unique check (octet_length(digest) = 32), -- EIP-712
  releaser_tenant_id uuid not null,
  releaser_party_id  uuid not null,
  receiver_tenant_id uuid not null,
  receiver_party_id  uuid not null,
  proposer           text not null check (proposer in ('releaser', 'receiver')),
  amends             uuid references handoff,
  shipment_tenant_id uuid,
  shipment_id        uuid,
  evidence_id        uuid references evidence, -- null: no readings
  -- The record, field by field as it is signed. The keys' addresses may be erased; what chains the item may not.
  item               text not null check (length(item) between 1 and 500),
  seq                bigint not null check (seq > 0),
  prev               bytea not null check (octet_length(prev) = 32),
  releaser           bytea check (octet_length(releaser) = 20),
  receiver           bytea check (octet_length(receiver) = 20),
  occurred_at        timestamptz not null,
  expires_at         timestamptz not null,
  details_hash       bytea not null check (octet_length(details_hash) = 32),
  evidence_root      bytea not null check (octet_length(evidence_root) = 32),
  evidence_size      bigint not null check (evidence_size >= 0),
  seen_size          bigint not null check (seen_size >= 0),
  seen_root          bytea not null check (octet_length(seen_root) = 32),
  -- What details_hash commits to; null: erased.
  details            text,
  details_salt       bytea check (octet_length(details_salt) = 32),
  -- wayproof.model.handoff.HandoffState; `expired` is not stored, it comes by itself.
  state              text not null default 'draft'
                     check (state in ('draft', 'offered', 'accepted', 'refused', 'amended')),
  releaser_signature bytea check (octet_length(releaser_signature) = 65),
  receiver_signature bytea check (octet_length(receiver_signature) = 65),
  refusal_reason     text check (length(refusal_reason) between 1 and 1000),
  refused_at         timestamptz,
  refusal_signature  bytea check (octet_length(refusal_signature) = 65),
  leaf_index         bigint constraint handoff_leaf_taken unique references log_entry,
  version            integer not null default 1,
  created_at         timestamptz not null default now(),
  offered_at         timestamptz,
  answered_at        timestamptz,
  erased_at          timestamptz, -- of the details, and of the keys and signatures where `releaser` is null
  constraint handoff_leaf_of_accepted check ((state = 'accepted') = (leaf_index is not null)),
  constraint handoff_details_wholly check (num_nulls(details, details_salt) in (0, 2)),
  constraint handoff_keys_wholly check (num_nulls(releaser, receiver) in (0, 2)),
  constraint handoff_erased check ((erased_at is null) = (details is not null)),
  constraint handoff_releaser foreign key (releaser_tenant_id, releaser_party_id)
    references party (tenant_id, party_id),
  constraint handoff_receiver foreign key (receiver_tenant_id, receiver_party_id)
    references party (tenant_id, party_id),
  constraint handoff_shipment foreign key (shipment_tenant_id, shipment_id) references shipment (tenant_id, shipment_id)
);
-- Not even the operator can log two handoffs in one place of an item's chain.
create unique index handoff_forks on handoff (item, seq) where state = 'accepted';
create index handoff_by_releaser on handoff (releaser_tenant_id, created_at, handoff_id);
create index handoff_by_receiver on handoff (receiver_tenant_id, created_at, handoff_id);
create index handoff_by_item on handoff (item, seq);
create index handoff_by_shipment on handoff (shipment_id) where shipment_id is not null;
create index handoff_by_evidence on handoff (evidence_id) where evidence_id is not null;

-- What operators have erased, and why. Nothing of what was erased stands here.
create table erasure (
  erasure_id      bigint generated always as identity primary key,
  handoff_id      uuid not null references handoff,
  is_whole        boolean not null, -- record, signatures and the leaf's salt as well
  reason          text not null check (length(reason) between 1 and 1000),
  erased_by       text not null,
  erased_at       timestamptz not null default now(),
  leaf_index      bigint references log_entry,
  tombstone_index bigint references log_entry
);

-- The two tenants of a handoff see it; one that nobody has signed is seen by who drafted it alone.
create function sees_handoff(state text, proposer text, releaser_tenant_id uuid, receiver_tenant_id uuid)
  returns boolean language sql stable parallel safe
  return case when state <> 'draft' then current_tenant() in (releaser_tenant_id, receiver_tenant_id)
              when proposer = 'releaser' then current_tenant() = releaser_tenant_id
              else current_tenant() = receiver_tenant_id end;

-- The last accepted handoff of an item for the party that claims to hold it. To anybody else it tells one bit: not you.
create function item_head(item text, holder uuid)
  returns table (seq bigint, digest bytea, occurred_at timestamptz, is_held boolean)
  language sql stable security definer set search_path = public, pg_temp
begin atomic
  select case when h.receiver_party_id = holder then h.seq else 0 end,
         case when h.receiver_party_id = holder then h.digest else '' end,
         case when h.receiver_party_id = holder then h.occurred_at else 'epoch' end,
         h.receiver_party_id = holder
    from handoff h
   where h.item = item_head.item and h.state = 'accepted'
   order by h.seq desc
   limit 1;
end;

-- Handoffs as their two tenants see them: with both parties' names, the state by the time of now, and the leaf's salt.
create view tenant_handoff as
select h.handoff_id, h.digest, h.releaser_tenant_id, h.releaser_party_id, r.name as releaser_name,
       rk.revoked_at as releaser_key_revoked_at, h.receiver_tenant_id, h.receiver_party_id, c.name as receiver_name,
       ck.revoked_at as receiver_key_revoked_at, h.proposer, h.amends, h.shipment_tenant_id, h.shipment_id,
       h.evidence_id, h.item, h.seq, h.prev, h.releaser, h.receiver, h.occurred_at, h.expires_at, h.details_hash,
       h.evidence_root, h.evidence_size, h.seen_size, h.seen_root, h.details, h.details_salt,
       case when h.state in ('draft', 'offered') and h.expires_at <= now() then 'expired' else h.state end as state,
       h.releaser_signature, h.receiver_signature, h.refusal_reason, h.refused_at, h.refusal_signature, h.leaf_index,
       e.salt as leaf_salt, case when h.leaf_index is not null then coalesce(a.state, 'queued') end as anchor_state,
       h.version, h.created_at, h.offered_at, h.answered_at, h.erased_at
  from handoff h
  join party r on r.party_id = h.releaser_party_id
  join party c on c.party_id = h.receiver_party_id
  left join party_key rk on rk.address = h.releaser
  left join party_key ck on ck.address = h.receiver
  left join log_entry e on e.leaf_index = h.leaf_index
  left join lateral (select state
                       from anchor
                      where size > h.leaf_index and state <> 'superseded'
                      order by size
                      limit 1) a on true
 where sees_handoff(h.state, h.proposer, h.releaser_tenant_id, h.receiver_tenant_id);


-- Rights --------------------------------------------------------------------------------------------------------

do $$
declare
  wanted text;
begin
  foreach wanted in array array['wayproof_api', 'wayproof_ingest', 'wayproof_broker', 'wayproof_ledger'] loop
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

-- Another tenant's party can be looked up by its exact id, and by the address of a key of its.
alter table party enable row level security;
alter table party force row level security;
create policy own_rows on party using (tenant_id = current_tenant());
create policy named_party on party for select
  using (party_id = nullif(current_setting('wayproof.party_id', true), '')::uuid);

alter table party_key enable row level security;
alter table party_key force row level security;
create policy own_rows on party_key using (tenant_id = current_tenant());
create policy named_party on party_key for select
  using (party_id = nullif(current_setting('wayproof.party_id', true), '')::uuid);
create policy named_key on party_key for select
  using (address = decode(nullif(current_setting('wayproof.party_address', true), ''), 'hex'));
create policy all_tenants on party_key for select to wayproof_ledger using (true);

alter table handoff enable row level security;
alter table handoff force row level security;
create policy of_both_tenants on handoff
  using (sees_handoff(state, proposer, releaser_tenant_id, receiver_tenant_id));

-- Who may see a handoff may see which readings it names, not the readings themselves.
alter table evidence enable row level security;
alter table evidence force row level security;
create policy own_rows on evidence using (tenant_id = current_tenant());
create policy of_handoff on evidence for select
  using (exists (select from handoff h where h.evidence_id = evidence.evidence_id));

grant usage on schema public to wayproof_api, wayproof_ingest, wayproof_broker, wayproof_ledger;

grant select on tenant to wayproof_api;
grant select, insert on api_key to wayproof_api;
grant update (label, revoked_at) on api_key to wayproof_api;
grant select (device_id, tenant_id, name, kind, label, version, created_at, updated_at, retired_at) on device
  to wayproof_api; -- not the credential
grant insert on device to wayproof_api;
grant update (kind, label, credential, version, updated_at, retired_at) on device to wayproof_api;
grant select, insert, update on site, shipment, assignment to wayproof_api;
grant select, insert on condition_profile to wayproof_api;
grant select on quarantine, tenant_reading, tenant_packed_day, tenant_device_state, tenant_reading_rollup
  to wayproof_api;

grant select, insert on party, party_key, evidence to wayproof_api;
grant update (revoked_at) on party_key to wayproof_api;
grant select (address, party_id, claimed_at, valid_from, revoked_at) on party_key to wayproof_ledger;
grant select, insert on handoff to wayproof_api;
grant update (state, releaser_signature, receiver_signature, refusal_reason, refused_at, refusal_signature, leaf_index,
              version, offered_at, answered_at) on handoff to wayproof_api;
grant select on tenant_handoff to wayproof_api;
revoke execute on function item_head(text, uuid) from public;
grant execute on function item_head(text, uuid) to wayproof_api;

grant select (device_id, tenant_id, name, retired_at) on device to wayproof_ingest;
grant select, insert on reading to wayproof_ingest;
revoke execute on function packed_identities(integer[], timestamptz[], integer[], bigint[]) from public;
grant execute on function packed_identities(integer[], timestamptz[], integer[], bigint[]) to wayproof_ingest;
grant select, insert, update on device_state, device_sequence, reading_rollup, quarantine to wayproof_ingest;
grant delete on quarantine to wayproof_ingest; -- what a replay has stored
grant delete on device_sequence to wayproof_ingest; -- rows that went into others

grant select (name, credential, retired_at) on device to wayproof_broker;
grant select on broker_service to wayproof_broker;

-- Entries and tiles are public, salts and payloads are not: the API writes them and reads them through views only.
grant select on log_identity, log_head, log_tile, log_checkpoint to wayproof_api;
grant select (leaf_index, kind, entry, appended_at, erased_at), insert on log_entry to wayproof_api;
grant update (size) on log_head to wayproof_api;
grant insert, update (hashes, nodes) on log_tile to wayproof_api;

grant select on log_identity, log_head, log_entry, log_tile, log_checkpoint to wayproof_ledger;
grant insert on log_identity, log_checkpoint to wayproof_ledger;

grant select, insert, update on anchor, anchor_transaction to wayproof_ledger;
grant select, insert, update, delete on anchor_alarm to wayproof_ledger;
grant select on anchor to wayproof_api;


-- EPCIS events -----------------------------------------------------------------------------------------------

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
  content    bytea storage external not null -- gone in a moment: compressing it takes longer than writing it
);
create index epcis_capture_document_by_age on epcis_capture_document (created_at, capture_id);

-- The journal: nothing in it is ever changed. An error declaration is a row of its own with the same epcis_id.
-- Whoever adds to it holds the tenant's lock until the end of the transaction, so that within a tenant events become
-- visible in the order of event_id. No foreign keys: one statement writes it, in the transaction that made or locked
-- what its rows refer to, and checking each would cost more than storing it.
create table epcis_event (
  event_id     bigint generated always as identity,
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
  terms        tsvector not null, -- wayproof.trace.query.terms
  primary key (tenant_id, event_id) -- also pages of queries without an order, and what subscribers have not seen
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

-- Of these, statements read and write rows by the thousand: a function that is not in a query of its own is called for
-- each of them.
alter table epcis_event enable row level security;
alter table epcis_event force row level security;
create policy own_rows on epcis_event using (tenant_id = (select current_tenant()));

alter table event_number enable row level security;
alter table event_number force row level security;
create policy own_rows on event_number using (tenant_id = (select current_tenant()));

grant select, insert on epcis_context, epcis_event, event_number to wayproof_api;
grant usage on sequence epcis_event_event_id_seq to wayproof_api;
grant select on tenant_epcis_event to wayproof_api;
grant select, insert on epcis_capture to wayproof_api;
grant update (finished_at, is_success, events, errors, forgiven, envelope) on epcis_capture to wayproof_api;
grant select, insert, delete on epcis_capture_document to wayproof_api;
grant update (tries) on epcis_capture_document to wayproof_api;

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
create policy own_rows on trace_node using (tenant_id = (select current_tenant()));

alter table trace_thing enable row level security;
alter table trace_thing force row level security;
create policy own_rows on trace_thing using (tenant_id = (select current_tenant()));

alter table trace_containment enable row level security;
alter table trace_containment force row level security;
create policy own_rows on trace_containment using (tenant_id = (select current_tenant()));

grant select, insert, delete on trace_node, trace_thing, trace_containment to wayproof_api;
grant update (voided_at) on trace_thing to wayproof_api;

-- Queries of EPCIS events -------------------------------------------------------------------------------------

-- The top-level resources: what event types, bizSteps, dispositions and places there are. An index on each column of
-- the journal would tell the same, and take a third of the time in which an event is appended.
create table epcis_value (
  tenant_id  uuid not null,
  vocabulary text not null check (vocabulary in ('event_types', 'biz_steps', 'dispositions', 'read_points',
                                                 'biz_locations')), -- wayproof.store.event_queries.Vocabulary
  value      text collate "C" not null,
  constraint epcis_value_known primary key (tenant_id, vocabulary, value)
);

alter table epcis_value enable row level security;
alter table epcis_value force row level security;
create policy own_rows on epcis_value using (tenant_id = current_tenant());

grant select, insert on epcis_value to wayproof_api;

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


-- Recalls -----------------------------------------------------------------------------------------------------

-- What was found once is never changed: evaluating again is a further revision, a correction of what a recipient said
-- is a further entry.

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


-- What no event tells yet -----------------------------------------------------------------------------------

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

alter table untold enable row level security;
alter table untold force row level security;
create policy own_rows on untold using (tenant_id = current_tenant());
-- Whoever records must see that something waits before it knows whose it is.
create policy waiting on untold for select using (current_setting('wayproof.untold', true) = 'all');

grant select, delete on untold to wayproof_api;
grant update (due_at, tries, failure) on untold to wayproof_api;
