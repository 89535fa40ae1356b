-- define_whole: a set in one row however many gaps it has, as it was kept before
create table whole_sequence (
  device_id integer not null references device,
  boot      integer not null check (boot > 0),
  seqs      int8multirange not null,
  primary key (device_id, boot)
) with (fillfactor = 50);

-- add_whole: adds to it, and tells
with added as (
  select device_id, boot, range_agg(int8range(low, high, '[]')) as seqs
    from unnest(%(device_id)s, %(boot)s, %(low)s, %(high)s) as a (device_id, boot, low, high)
   group by device_id, boot
), moved as (
  insert into whole_sequence as s (device_id, boot, seqs)
  select device_id, boot, seqs from added order by device_id, boot
  on conflict (device_id, boot) do update set seqs = s.seqs + excluded.seqs
  returning device_id, boot, seqs
)
select m.device_id, m.boot, held.through, held.beyond
  from moved m
  join added a using (device_id, boot)
 cross join lateral (
   select coalesce(max(upper(r) - 1) filter (where lower(r) = 1), 0) as through,
          coalesce(array_agg(array[lower(r), upper(r) - 1] order by place)
                   filter (where lower(r) > 1 and (place <= 32 or r && a.seqs)), '{}') as beyond
     from unnest(m.seqs) with ordinality as h (r, place)
 ) as held
 order by m.device_id, m.boot;

-- fill_whole: every second number of one device, so many of them
insert into whole_sequence (device_id, boot, seqs)
select %(device_id)s, 1, range_agg(int8range(2 * n, 2 * n, '[]')) from generate_series(1, %(gaps)s) n;

-- differences: sets that the two ways do not hold alike
select count(*)
  from whole_sequence w
  full join (select device_id, boot, range_agg(seqs) as seqs from device_sequence group by device_id, boot) s
    using (device_id, boot)
 where w.seqs is distinct from s.seqs;

-- size: bytes and rows of the sets
select pg_total_relation_size('device_sequence'), count(*) from device_sequence;
