-- create_recall: a new recall; no row where the tenant has one of that request already
insert into recall (tenant_id, title, reason, is_mock, request_key, started_at)
values (%(tenant_id)s, %(title)s, %(reason)s, %(is_mock)s, %(request_key)s, %(started_at)s)
on conflict on constraint recall_request_seen do nothing
returning recall_id, title, reason, is_mock, started_at, created_at, closed_at, closing_note, 1 as revision;

-- find_request: the recall that a request has made
select c.recall_id, c.title, c.reason, c.is_mock, c.started_at, c.created_at, c.closed_at, c.closing_note,
       (select max(revision) from recall_revision r where r.recall_id = c.recall_id) as revision
  from recall c
 where c.request_key = %(request_key)s;

-- get_recall: one recall of the tenant
select c.recall_id, c.title, c.reason, c.is_mock, c.started_at, c.created_at, c.closed_at, c.closing_note,
       (select max(revision) from recall_revision r where r.recall_id = c.recall_id) as revision
  from recall c
 where c.recall_id = %(recall_id)s;

-- hold_recall: holds one recall of the tenant against others' changes until the transaction ends
select recall_id from recall where recall_id = %(recall_id)s for update;

-- list_recalls: recalls of the tenant, newest first
select c.recall_id, c.title, c.reason, c.is_mock, c.started_at, c.created_at, c.closed_at, c.closing_note,
       (select max(revision) from recall_revision r where r.recall_id = c.recall_id) as revision
  from recall c
 where (c.created_at, c.recall_id) < (coalesce(%(after_at)s::timestamptz, 'infinity'),
                                      coalesce(%(after_id)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
   and (%(is_mock)s::boolean is null or c.is_mock = %(is_mock)s)
 order by c.created_at desc, c.recall_id desc
 limit %(limit)s;

-- close_recall: ends a recall; no row where it has ended
update recall
   set closed_at = %(closed_at)s, closing_note = %(note)s
 where recall_id = %(recall_id)s and closed_at is null
returning recall_id;

-- add_revision: what an evaluation found
insert into recall_revision (
  recall_id, revision, tenant_id, supersedes, criteria, rule_version, readings_as_of, journal_as_of, began_at, scoped_at, report
)
values (
  %(recall_id)s, %(revision)s, %(tenant_id)s, nullif(%(revision)s - 1, 0), %(criteria)s, %(rule_version)s,
  %(readings_as_of)s, %(journal_as_of)s, %(began_at)s, %(scoped_at)s, %(report)s
);

-- get_revision: what an evaluation found
select recall_id, revision, supersedes, criteria, rule_version, readings_as_of, journal_as_of, began_at, scoped_at, report
  from recall_revision
 where recall_id = %(recall_id)s and revision = %(revision)s;

-- add_items: things that are affected
insert into recall_item (
  recall_id, revision, ordinal, tenant_id, uri, depth, is_container, since, detail, share, state, place, place_name,
  at_since, container, holder, quantity, unit, event_id, recipient
)
select %(recall_id)s, %(revision)s, n.ordinal, %(tenant_id)s, n.uri, n.depth, n.is_container <> 0,
       nullif(n.since, '-infinity'), n.detail, nullif(n.share, 'NaN'), n.state, n.place, n.place_name,
       nullif(n.at_since, '-infinity'), n.container, n.holder, nullif(n.quantity, 'NaN'), n.unit, nullif(n.event_id, 0),
       n.recipient
  from unnest(
    %(ordinal)s::integer[], %(uri)s::text[], %(depth)s::integer[], %(is_container)s::integer[], %(since)s::timestamptz[],
    %(detail)s::text[], %(share)s::float8[], %(state)s::text[], %(place)s::text[], %(place_name)s::text[],
    %(at_since)s::timestamptz[], %(container)s::text[], %(holder)s::text[], %(quantity)s::float8[], %(unit)s::text[],
    %(event_id)s::bigint[], %(recipient)s::text[]
  ) n (ordinal, uri, depth, is_container, since, detail, share, state, place, place_name, at_since, container, holder,
       quantity, unit, event_id, recipient);

-- list_items: things that are affected, nearest first
select ordinal, uri, depth, is_container, since, detail, share, state, place, place_name, at_since, container, holder,
       quantity, unit, event_id, recipient
  from recall_item
 where recall_id = %(recall_id)s and revision = %(revision)s and ordinal > %(after)s
   and (%(recipient)s::text is null or recipient = %(recipient)s)
 order by ordinal
 limit %(limit)s;

-- add_notices: recipients that are new to a recall
insert into recall_notice (tenant_id, recall_id, recipient)
select %(tenant_id)s, %(recall_id)s, n.recipient
  from unnest(%(recipients)s::text[]) n (recipient)
    on conflict do nothing;

-- list_notices: whom a recall concerns, with what was said to and by them, by recipient
select n.notice_id, n.recipient, n.created_at,
       exists (select from recall_item i
                where i.recall_id = n.recall_id and i.revision = %(revision)s and i.recipient = n.recipient) as is_affected,
       told.at as told_at, told.said_by as told_by, told.means as told_how, told.recorded_at as told_recorded_at,
       answer.at as acknowledged_at, answer.said_by as acknowledged_by, answer.means as acknowledged_how,
       answer.note, answer.quantities
  from recall_notice n
  left join lateral (
    select at, said_by, means, recorded_at from recall_entry
     where notice_id = n.notice_id and kind = 'told' order by entry_id limit 1) told on true
  left join lateral (
    select at, said_by, means, note, quantities from recall_entry
     where notice_id = n.notice_id and kind = 'acknowledged' order by entry_id desc limit 1) answer on true
 where n.recall_id = %(recall_id)s and n.recipient > %(after)s
   and (%(notice_id)s::uuid is null or n.notice_id = %(notice_id)s)
 order by n.recipient
 limit %(limit)s;

-- add_entry: something was said
insert into recall_entry (tenant_id, notice_id, kind, at, said_by, means, note, quantities, token_sha256, expires_at)
select %(tenant_id)s, n.notice_id, %(kind)s, %(at)s, %(said_by)s, %(means)s, %(note)s, %(quantities)s, %(token_sha256)s,
       %(expires_at)s
  from recall_notice n
 where n.notice_id = %(notice_id)s
returning notice_id;

-- count_answers: how often a recipient has answered
select count(*) from recall_entry where notice_id = %(notice_id)s and kind = 'acknowledged';

-- list_entries: everything that was said to and by a recipient, in order
select kind, at, recorded_at, said_by, means, note, quantities, expires_at
  from recall_entry
 where notice_id = %(notice_id)s
 order by entry_id;

-- name_token: lets this transaction see the one entry of that token (row-level security, policy named_token)
select set_config('wayproof.recall_token', %(digest)s, true);

-- find_token: whose recall a token is of, while it holds
select tenant_id, notice_id
  from recall_entry
 where token_sha256 = decode(%(digest)s, 'hex') and expires_at > now();

-- get_link: what a recipient may know of the recall that they were told of; none where it has ended
select t.name as sender, c.title, c.reason, c.is_mock, c.started_at, n.notice_id, n.recipient, c.recall_id,
       (select max(revision) from recall_revision r where r.recall_id = c.recall_id) as revision
  from recall_notice n
  join recall c using (recall_id)
  join tenant t on t.tenant_id = n.tenant_id
 where n.notice_id = %(notice_id)s and c.closed_at is null;
