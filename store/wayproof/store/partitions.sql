-- prepare: waits only briefly for locks, as everybody who writes or reads queues up behind; one maintainer at a time
select set_config('lock_timeout', '1s', true), set_config('statement_timeout', '10min', true),
       pg_advisory_xact_lock(7243392002);

-- open_day: true if the day is new
select open_reading_day(%(day)s);

-- waiting_days: UTC days, oldest first, of plausible readings that wait in the default partition
select distinct (observed_at at time zone 'UTC')::date as day
  from reading_default
 where clock_flags = 0
 order by day
 limit %(limit)s;

-- drop_before: how many days were dropped
select drop_readings_before(%(cutoff)s);
