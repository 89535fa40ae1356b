-- add_sequences: adds to the exact sets; tells what each holds from 1 on, its lowest ranges and those of what was added
with added as (
  select device_id, boot, seqs::int8multirange as seqs
    from unnest(%(device_id)s::int4[], %(boot)s::int4[], %(seqs)s::text[]) as a (device_id, boot, seqs)
), moved as (
  insert into device_sequence as s (device_id, boot, seqs)
  select device_id, boot, seqs from added order by device_id, boot
  on conflict (device_id, boot) do update set seqs = s.seqs + excluded.seqs
  returning device_id, boot, seqs
)
select m.device_id, m.boot, held.through, held.beyond
  from moved m
  join added a using (device_id, boot)
 cross join lateral (
   select coalesce(max(upper(r) - 1) filter (where lower(r) = 1), 0) as through,
          -- the lowest as well, so that the next receipt makes good for one that got lost
          coalesce(array_agg(array[lower(r), upper(r) - 1] order by place)
                   filter (where lower(r) > 1 and (place <= 32 or r && a.seqs)), '{}') as beyond
     from unnest(m.seqs) with ordinality as h (r, place)
 ) as held
 order by m.device_id, m.boot;
