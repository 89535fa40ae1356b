-- fill: a reading a minute of every device: about 5 degrees, and in one of forty times of four hours two hours about 10
insert into reading (observed_at, received_at, seq, device_id, boot, clock_flags, temperature_c)
select at, at + interval '200 milliseconds', extract(epoch from at)::bigint / 60, device_id, 1, 0,
       floor(10 * (case
         when hashint8(device_id * 1000000 + extract(epoch from at)::bigint / 14400) %% 40 = 0
           and extract(epoch from at)::bigint %% 14400 < 7200
         then 10 else 5
       end + 2 * random() - 1)) / 10
  from generate_series(%(since)s, %(until)s::timestamptz - interval '1 minute', interval '1 minute') at,
       (select device_id from device order by device_id) each;
