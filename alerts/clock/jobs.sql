-- The clock-driven jobs' own row. Each is headed by name and purpose.

-- time: The database's time; every process that looks has the same.
select clock_timestamp()

-- hold: One process at a time does a job; the others pass by. 4711010 is nothing else's.
select pg_try_advisory_lock(4711010, hashtext(%(name)s))

-- let_go: Let the next process have it.
select pg_advisory_unlock(4711010, hashtext(%(name)s))

-- looked_to: Up to when it has looked; no row before its first run.
select looked_to from clock_job where name = %(name)s

-- done: Note a run that is over; the moments it looked at are told.
insert into clock_job (name, looked_to, ended_at, summary)
values (%(name)s, %(now)s, clock_timestamp(), %(summary)s)
on conflict (name) do update set
    looked_to = excluded.looked_to, ended_at = excluded.ended_at, summary = excluded.summary
