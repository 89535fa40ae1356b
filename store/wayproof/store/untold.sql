-- see_untold: lets this transaction see what is untold of all tenants
select set_config('wayproof.untold', 'all', true);

-- list_untold: what is to be told now, and was noted some time ago; the longest overdue first
select tenant_id, kind, subject_id
  from untold
 where due_at <= clock_timestamp() and noted_at <= clock_timestamp() - %(settled)s
 order by due_at, kind, subject_id
 limit %(limit)s;

-- list_own: the same of this tenant alone, whenever it is due
select tenant_id, kind, subject_id
  from untold
 where tenant_id = current_tenant()
 order by noted_at, kind, subject_id
 limit %(limit)s;

-- take: something untold for this transaction alone
select tries
  from untold
 where tenant_id = current_tenant() and kind = %(kind)s and subject_id = %(subject_id)s
   for update skip locked;

-- drop: everything is told of it
delete from untold where tenant_id = current_tenant() and kind = %(kind)s and subject_id = %(subject_id)s;

-- postpone: it cannot be told; it is tried again, each time later
update untold
   set tries = tries + 1, failure = %(failure)s,
       due_at = clock_timestamp() + least(interval '1 minute' * power(2, least(tries, 20)), interval '1 day')
 where tenant_id = current_tenant() and kind = %(kind)s and subject_id = %(subject_id)s;
