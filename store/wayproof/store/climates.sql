-- list_temperatures: what one device of the tenant measured within a span, by plausible clocks, in order of time
select observed_at, temperature_c
  from tenant_reading
 where device_id = %(device_id)s and observed_at >= %(since)s and observed_at < %(until)s
   and filed_at > %(since)s::timestamptz - interval '24 hours' and filed_at < %(until)s
   and clock_flags = 0 and temperature_c is not null
 order by observed_at, boot, seq;
