-- fill: a reading a minute of every device, about 5 degrees; of spans of four hours one in forty begins at 7.5, one in `rare` at 10
insert into reading (observed_at, received_at, seq, device_id, boot, clock_flags, temperature_c)
select at, at + interval '200 milliseconds', extract(epoch from at)::bigint / 60, device_id, 1, 0,
       floor(10 * (case
         when extract(epoch from at)::bigint %% 14400 >= 7200 then 5
         when chance %% %(rare)s = 0 then 10
         when chance %% 40 = 1 then 7.5
         else 5
       end + random() - 0.5)) / 10
  from generate_series(%(since)s, %(until)s::timestamptz - interval '1 minute', interval '1 minute') at,
       (select device_id from device order by device_id) each,
       abs(hashint8(device_id * 1000000 + extract(epoch from at)::bigint / 14400)::bigint) chance;
