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
  returning device_id, boot, pages, seqs, lower(seqs) = 1 and int8multirange(range_merge(seqs)) = seqs as is_gapless
)
select device_id, boot, upper(seqs) - 1 as through, '{}'::bigint[] as beyond, pages > 1 as is_large
  from moved
 where is_gapless
union all
select m.device_id, m.boot, held.through, held.beyond, m.pages > 1 or held.ranges > %(page_ranges)s
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
 where not m.is_gapless
 order by device_id, boot;

-- add_to_pages: the same for sets that stand in several rows or should, and how many numbers are left out; their first rows are locked by a statement before this one, which is too old to see them
with run as (
  select device_id, boot, low, high, int8range(low, high, '[]') as seqs
    from unnest(%(device_id)s, %(boot)s, %(low)s, %(high)s) as a (device_id, boot, low, high)
), span as (
  select device_id, boot, min(low) as low, max(high) as high from run group by device_id, boot
), walk as (
  select device_id, boot, since as place, since, null::bigint as high
    from span cross join lateral (
      select since from device_sequence s
       where s.device_id = span.device_id and s.boot = span.boot and since <= high + 1
         and since >= (select max(since) from device_sequence t
                        where t.device_id = span.device_id and t.boot = span.boot and since <= low)) near
  union all
  select device_id, boot, low, null, high from run
), met as (
  -- Along the numbers: of each range the row below it, of each row whether the range below it reaches it.
  select device_id, boot, since, high, max(since) over w as row_below, max(high) over w + 1 >= since as is_reached
    from walk window w as (partition by device_id, boot order by place)
), touched as (
  select device_id, boot, 0 as since from span
  union
  select device_id, boot, row_below from met where high is not null or is_reached
), page as (
  select device_id, boot, s.since, s.pages, s.seqs from touched join device_sequence s using (device_id, boot, since)
), before as (
  select device_id, boot, range_agg(seqs) as seqs, array_agg(since) as sinces, count(*) as touched,
         max(pages) as pages
    from page group by device_id, boot
), judged as materialized ( -- or every run would carry all of b.seqs along
  -- A full set grows no more gaps; what closes some of them is always welcome.
  select run.device_id, run.boot, run.low, run.high, run.seqs,
         b.pages < %(most_pages)s or low = 1 or b.seqs && int8range(low - 1, high + 1, '[]') as is_counted
    from run join before b using (device_id, boot)
), added as (
  select device_id, boot, range_agg(seqs) as seqs, range_agg(seqs) filter (where is_counted) as counted,
         coalesce(sum(high - low + 1) filter (where not is_counted), 0)::bigint as left_out
    from judged group by device_id, boot
), held as (
  select device_id, boot, unnest(b.seqs + coalesce(a.counted, '{}')) as r
    from before b join added a using (device_id, boot)
), placed as (
  -- Each range stays in its row; where all rows are here, they become one before they are cut anew.
  select device_id, boot, r, max(since) over (partition by device_id, boot order by place) as since
    from (select device_id, boot, since as place, since, null as r
            from page join before using (device_id, boot)
           where since = 0 or touched < before.pages
          union all
          select device_id, boot, lower(r), null, r from held) every
), counted as (
  select device_id, boot, since, r, row_number() over (partition by device_id, boot, since order by r) - 1 as place,
         count(*) over (partition by device_id, boot, since) as ranges
    from placed where r is not null
), cut as (
  -- Into equal parts: next to a full row, each new gap would leave a row of its own.
  select device_id, boot, since, r, place * ((ranges + %(page_ranges)s - 1) / %(page_ranges)s) / ranges as part
    from counted
), new_page as (
  select device_id, boot, case when since = 0 and part = 0 then 0 else min(lower(r)) end as since,
         range_agg(r) as seqs, count(*) over (partition by device_id, boot) as touched
    from cut group by device_id, boot, since, part
), gone as (
  delete from device_sequence s
   using page p
   where (s.device_id, s.boot, s.since) = (p.device_id, p.boot, p.since)
     and not exists (select from new_page n where (n.device_id, n.boot, n.since) = (p.device_id, p.boot, p.since))
), moved as (
  insert into device_sequence (device_id, boot, since, pages, seqs)
  select device_id, boot, n.since, case n.since when 0 then b.pages - b.touched + n.touched else 1 end, n.seqs
    from new_page n join before b using (device_id, boot)
  on conflict (device_id, boot, since) do update set pages = excluded.pages, seqs = excluded.seqs
), beside as (
  -- The lowest ranges of rows that were not touched; no row is empty, and no more of them are read than it takes.
  select device_id, boot, low.r
    from before b
   cross join lateral (
     select r
       from (select since, seqs from device_sequence s
              where s.device_id = b.device_id and s.boot = b.boot order by since limit 32 + b.touched) s
      cross join lateral unnest(s.seqs) r
      where since <> all (b.sinces)
      limit 32) low
), told as (
  select device_id, boot, r, row_number() over (partition by device_id, boot order by r) as place
    from (table held union all table beside) every
)
select device_id, boot, coalesce(max(upper(r) - 1) filter (where lower(r) = 1), 0) as through,
       coalesce(array_agg(array[lower(r), upper(r) - 1] order by r) filter (where lower(r) > 1), '{}') as beyond, left_out
  from told join added using (device_id, boot)
 where place <= 32 or r && added.seqs
 group by device_id, boot, left_out
 order by device_id, boot;
