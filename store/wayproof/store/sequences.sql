-- add_sequences: adds to the exact sets that stand in one row; tells what each holds from 1 on, its lowest ranges and those of what was added
with added as (
  select device_id, boot, range_agg(int8range(low, high, '[]')) as seqs
    from unnest(%(device_id)s, %(boot)s, %(low)s, %(high)s) as a (device_id, boot, low, high)
   group by device_id, boot
), moved as (
  -- In one order, or two writers would wait for each other. Whoever holds a boot's first row holds all of them.
  insert into device_sequence as s (device_id, boot, seqs)
  select device_id, boot, seqs from added order by device_id, boot
  on conflict (device_id, boot, since)
  do update set seqs = case s.pages when 1 then s.seqs + excluded.seqs else s.seqs end
  returning device_id, boot, pages, seqs
)
select m.device_id, m.boot, held.through, held.beyond, m.pages > 1 or held.ranges > %(page_ranges)s as is_large
  from moved m
  join added a using (device_id, boot)
 cross join lateral (
   select count(*) as ranges,
          coalesce(max(upper(r) - 1) filter (where lower(r) = 1), 0) as through,
          -- the lowest as well, so that the next receipt makes good for one that got lost
          coalesce(array_agg(array[lower(r), upper(r) - 1] order by place)
                   filter (where lower(r) > 1 and (place <= 32 or r && a.seqs)), '{}') as beyond
     from unnest(m.seqs) with ordinality as h (r, place)
 ) as held
 order by m.device_id, m.boot;

-- add_to_pages: adds to sets that stand in several rows or should; their first rows are locked by a statement before this one, whose eyes are too old; tells how many numbers are left out
with run as (
  select device_id, boot, low, high, int8range(low, high, '[]') as seqs
    from unnest(%(device_id)s, %(boot)s, %(low)s, %(high)s) as a (device_id, boot, low, high)
), touched as (
  select device_id, boot, 0 as since from run
  union
  select run.device_id, run.boot, page.since
    from run
   cross join lateral (
     (select since from device_sequence s
       where s.device_id = run.device_id and s.boot = run.boot and since <= low order by since desc limit 1)
     union all
     select since from device_sequence s
      where s.device_id = run.device_id and s.boot = run.boot and since > low and since <= high + 1) page
), page as (
  select device_id, boot, s.since, s.pages, s.seqs from touched join device_sequence s using (device_id, boot, since)
), before as (
  select device_id, boot, range_agg(seqs) as seqs, count(*) as touched, max(pages) as pages
    from page group by device_id, boot
), judged as (
  -- A full set grows no more gaps; what closes some of them is always welcome.
  select run.device_id, run.boot, run.low, run.high, run.seqs,
         b.pages < %(most_pages)s or low = 1 or b.seqs && int8range(low - 1, high + 1, '[]') as is_counted
    from run join before b using (device_id, boot)
), after as (
  select device_id, boot, range_agg(r) as seqs
    from (select device_id, boot, unnest(seqs) as r from before
          union all
          select device_id, boot, seqs from judged where is_counted) every
   group by device_id, boot
), sorted as (
  -- Each range stays in its row; where all rows are here, they become one before they are cut anew.
  select device_id, boot, r, max(page_since) over (partition by device_id, boot order by place) as page_since
    from (select device_id, boot, since as place, since as page_since, null as r
            from page join before using (device_id, boot)
           where since = 0 or touched < before.pages
          union all
          select device_id, boot, lower(r), null, r from after cross join lateral unnest(seqs) r) every
), counted as (
  select device_id, boot, page_since, r,
         row_number() over (partition by device_id, boot, page_since order by r) - 1 as place,
         count(*) over (partition by device_id, boot, page_since) as ranges
    from sorted where r is not null
), cut as (
  -- Into equal parts: a row that is full again after its next gap would leave a row of one range each time.
  select device_id, boot, page_since, r,
         place * ((ranges + %(page_ranges)s - 1) / %(page_ranges)s) / ranges as part
    from counted
), new_page as (
  select device_id, boot, case when page_since = 0 and part = 0 then 0 else min(lower(r)) end as since,
         count(*) over (partition by device_id, boot) as touched, range_agg(r) as seqs
    from cut group by device_id, boot, page_since, part
), gone as (
  delete from device_sequence s
   using page p
   where (s.device_id, s.boot, s.since) = (p.device_id, p.boot, p.since)
     and not exists (select from new_page n
                      where (n.device_id, n.boot, n.since) = (p.device_id, p.boot, p.since))
), moved as (
  insert into device_sequence (device_id, boot, since, pages, seqs)
  select n.device_id, n.boot, n.since, case n.since when 0 then b.pages - b.touched + n.touched else 1 end, n.seqs
    from new_page n join before b using (device_id, boot)
  on conflict (device_id, boot, since) do update set pages = excluded.pages, seqs = excluded.seqs
)
select device_id, boot, sum(high - low + 1)::bigint from judged where not is_counted group by device_id, boot;

-- tell_pages: what sets in several rows hold from 1 on, their lowest ranges and those of what was added
with run as (
  select device_id, boot, low, high
    from unnest(%(device_id)s, %(boot)s, %(low)s, %(high)s) as a (device_id, boot, low, high)
), added as (
  select device_id, boot, range_agg(int8range(low, high, '[]')) as seqs from run group by device_id, boot
), touched as (
  select distinct run.device_id, run.boot, page.since
    from run
   cross join lateral (
     select since from device_sequence s
      where s.device_id = run.device_id and s.boot = run.boot and since <= low order by since desc limit 1) page
), told as (
  select a.device_id, a.boot, lowest.r
    from added a
   cross join lateral (
     select r
       from (select seqs from device_sequence s
              where s.device_id = a.device_id and s.boot = a.boot
              order by since
             offset 0) page -- keeps the order, so that no more rows are read than it takes
      cross join lateral unnest(page.seqs) r
      limit 32) lowest
  union
  select device_id, boot, r
    from touched
    join device_sequence s using (device_id, boot, since)
    join added a using (device_id, boot)
   cross join lateral unnest(s.seqs) r
   where r && a.seqs
)
select device_id, boot, coalesce(max(upper(r) - 1) filter (where lower(r) = 1), 0) as through,
       coalesce(array_agg(array[lower(r), upper(r) - 1] order by r) filter (where lower(r) > 1), '{}') as beyond
  from told
 group by device_id, boot;
