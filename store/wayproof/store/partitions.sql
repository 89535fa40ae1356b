-- open_day: true if the day is new
select open_reading_day(%(day)s);

-- waiting_days: UTC days, oldest first, of plausible readings that wait in the default partition
select distinct (observed_at at time zone 'UTC')::date as day
  from reading_default
 where clock_flags = 0 and observed_at >= %(since)s
 order by day
 limit %(limit)s;

-- drop_before: how many days were dropped
select drop_readings_before(%(cutoff)s);
