-- Old days packed into arrays on plain PostgreSQL; a hypertable with columnstore on TimescaleDB.

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
create or replace function drop_readings_before(cutoff timestamptz) returns integer language plpgsql as $$
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

drop view tenant_reading;

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
  grant select, insert on reading to wayproof_ingest;
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

grant select on tenant_reading, tenant_packed_day to wayproof_api;
revoke execute on function packed_identities(integer[], timestamptz[], integer[], bigint[]) from public;
grant execute on function packed_identities(integer[], timestamptz[], integer[], bigint[]) to wayproof_ingest;
