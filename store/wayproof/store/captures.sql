-- create_capture: a job, as yet without a document or result
insert into epcis_capture (tenant_id, error_behaviour, is_lenient)
values (%(tenant_id)s, case when %(is_proceeding)s then 'proceed' else 'rollback' end, %(is_lenient)s)
returning capture_id;

-- keep_document: a job's document, until the job is finished
insert into epcis_capture_document (capture_id, tenant_id, content)
values (%(capture_id)s, %(tenant_id)s, %(content)s);

-- see_waiting: lets this transaction see that documents of all tenants wait
select set_config('wayproof.captures', 'all', true);

-- list_waiting: documents of each tenant in turn, the oldest first; those that have failed wait for the others
select tenant_id, capture_id
  from (select tenant_id, capture_id, created_at, tries,
               row_number() over (partition by tenant_id order by tries, created_at, capture_id) as turn
          from epcis_capture_document) waiting
 order by tries, turn, created_at, capture_id
 limit %(limit)s;

-- count_try: notes that work on a document begins, should no other worker have it
update epcis_capture_document
   set tries = tries + 1
 where capture_id = (select capture_id
                       from epcis_capture_document
                      where capture_id = %(capture_id)s
                        for update skip locked)
returning tries;

-- forgive_tries: counts no more tries of a document than these
update epcis_capture_document set tries = least(tries, %(most)s) where capture_id = %(capture_id)s;

-- commit_lazily: this transaction's commit waits for no disk
set local synchronous_commit = off;

-- take_document: a document for this transaction alone
select d.content, c.error_behaviour = 'proceed' as is_proceeding, c.is_lenient
  from epcis_capture_document d
  join epcis_capture c on c.capture_id = d.capture_id
 where d.capture_id = %(capture_id)s
   for update of d skip locked;

-- drop_document: forgets a document whose job is finished
delete from epcis_capture_document where capture_id = %(capture_id)s;

-- finish_capture: writes down how a job ended
update epcis_capture
   set finished_at = clock_timestamp(), is_success = %(is_success)s, events = %(events)s, errors = %(errors)s::jsonb,
       forgiven = %(forgiven)s::jsonb, envelope = %(envelope)s::jsonb
 where capture_id = %(capture_id)s;

-- get_capture: one job
select capture_id, created_at, finished_at, error_behaviour = 'proceed' as is_proceeding, is_lenient, is_success,
       events, errors, forgiven
  from epcis_capture
 where capture_id = %(capture_id)s and tenant_id = current_tenant();

-- list_captures: jobs, newest first, from after a place on
select capture_id, created_at, finished_at, error_behaviour = 'proceed' as is_proceeding, is_lenient, is_success,
       events, errors, forgiven
  from epcis_capture
 where tenant_id = current_tenant()
   and (%(after_at)s::timestamptz is null or (created_at, capture_id) < (%(after_at)s, %(after_id)s::uuid))
 order by created_at desc, capture_id desc
 limit %(limit)s;
