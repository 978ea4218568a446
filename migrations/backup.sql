-- What backup and restore ask of a database. Each is headed by name and purpose.

-- plain: Write every value the same way, whoever asks; a sum is over the rows as text.
select set_config('timezone', 'UTC', false), set_config('datestyle', 'ISO, YMD', false),
    set_config('intervalstyle', 'postgres', false), set_config('extra_float_digits', '1', false),
    set_config('bytea_output', 'hex', false), set_config('row_security', 'off', false),
    set_config('search_path', '', false)

-- snapshot: Let pg_dump see exactly what this transaction sees.
select pg_export_snapshot()

-- tables: Every table of ours; of one in parts only the parts, for each row stands in one.
select quote_ident(n.nspname) || '.' || quote_ident(c.relname)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence = 'p'
    and n.nspname !~ '^(pg_|information_schema$|_?timescaledb)'
    and not exists (select from pg_depend d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 1

-- things: What stands in a database that should be empty: tables, views, sequences, types.
select n.nspname || '.' || c.relname
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^(pg_|information_schema$|_?timescaledb)'
    and not exists (select from pg_depend d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
union all
select n.nspname || '.' || t.typname
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
where t.typtype in ('e', 'd') and n.nspname !~ '^(pg_|information_schema$|_?timescaledb)'
    and not exists (select from pg_depend d
        where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e')
limit 5

-- revision: Which version of the schema it is.
select version_num from public.alembic_version

-- extensions: What must be installed on the machine that restores.
select extname from pg_extension where extname <> 'plpgsql' order by 1

-- timescale_version: Which version of TimescaleDB is in this database.
select extversion from pg_extension where extname = 'timescaledb'

-- lenders: Functions that lend their owner's rights to whoever calls them, where that is not the owner
-- of the database's tables: pg_restore gives all of them to whoever restores.
select p.oid::regprocedure::text, r.rolname
from pg_proc p
join pg_roles r on r.oid = p.proowner
where p.prosecdef and p.pronamespace = 'public'::regnamespace
    and p.proowner <> (select relowner from pg_class where oid = 'public.alembic_version'::regclass)
    and not exists (select from pg_depend d
        where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
order by 1

-- lend: Let a role be their owner.
select format('alter function %%s owner to %%I', %(function)s::regprocedure, %(owner)s::text)

-- let: Let whoever restores, and owns the tables now, call it.
select format('grant execute on function %%s to %%I', %(function)s::regprocedure, current_user)

-- roles: To whom the database's things grant rights, beside their owner.
select distinct r.rolname
from pg_shdepend s
join pg_roles r on r.oid = s.refobjid
where s.refclassid = 'pg_authid'::regclass and s.deptype in ('a', 'r')
    and s.dbid = (select oid from pg_database where datname = current_database())
    and r.rolname !~ '^pg_'
order by 1

-- lacking_roles: Which of these names no role has here.
select name from unnest(%(roles)s::text[]) as wanted (name)
where name not in (select rolname from pg_roles) order by 1
