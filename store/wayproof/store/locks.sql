-- prepare: waits only briefly for locks, as everybody who writes or reads queues up behind; one maintainer at a time
select set_config('lock_timeout', '1s', true), set_config('statement_timeout', '10min', true),
       set_config('idle_in_transaction_session_timeout', '10min', true), set_config('work_mem', '128MB', true),
       pg_advisory_xact_lock(7243392002);
