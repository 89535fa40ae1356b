-- The device's outbox: one SQLite file per device.

-- create_outbox: what this file counts; one row
create table outbox (
  boot     integer not null,
  next_seq integer not null
) strict;

-- create_pending: what no receipt has named yet, encoded as it goes out
create table pending (
  seq     integer primary key,
  payload blob not null
) strict;

-- start_counting: the boot of this file, from its making on
insert into outbox (boot, next_seq) values (:boot, 1);

-- read_counting: the boot and the next number
select boot, next_seq from outbox;

-- set_next_seq: the number that the next reading gets
update outbox set next_seq = :next_seq;

-- count_pending: how many readings wait
select count(*) from pending;

-- add: one reading
insert into pending (seq, payload) values (?, ?);

-- page: the lowest numbers past one, for sending
select seq, payload from pending where seq > :after order by seq limit :limit;

-- remove: a range that is safe
delete from pending where seq between :first and :last;
