-- Sets of numbers with many gaps stand in several rows, so that a commit rewrites no more than what it touches.

-- Made anew rather than altered: a table's first index and checks keep the names that they were given.
create temporary table sequence_before on commit drop as
  select device_id, boot, row_number() over (partition by device_id, boot order by r) - 1 as place, r
    from device_sequence cross join lateral unnest(seqs) r;
drop table device_sequence;

create table device_sequence (
  device_id integer not null references device,
  boot      integer not null check (boot > 0),
  since     bigint not null default 0 check (since >= 0), -- the lowest number in the row; 0: the boot's first row
  pages     integer not null default 1 check (pages > 0), -- in the first row: in how many rows the set stands
  seqs      int8multirange not null,
  primary key (device_id, boot, since)
) with (fillfactor = 50);

insert into device_sequence (device_id, boot, since, pages, seqs)
select device_id, boot, case place / 64 when 0 then 0 else min(lower(r)) end,
       case place / 64 when 0 then count(*) over (partition by device_id, boot) else 1 end, range_agg(r)
  from sequence_before
 group by device_id, boot, place / 64;

grant select, insert, update, delete on device_sequence to wayproof_ingest;
