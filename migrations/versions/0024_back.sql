-- As before: functions that work with the rights of whoever calls them.

drop function newest_readings;
do $$
declare
    one regprocedure;
begin
    foreach one in array array[
        'attribute_reading(uuid, timestamptz, uuid, uuid, text, text)',
        'refuse_reading(uuid, timestamptz, uuid, text, text)',
        'undo_attribution(bigint, text, text)',
        'invalidate_reading(uuid, timestamptz, uuid, text, text, boolean)',
        'reinstate_reading(uuid, timestamptz, uuid, text, text)']::regprocedure[] loop
        execute format('alter function %s security invoker reset search_path', one);
        execute format('alter function %s owner to %I', one, current_user);
        execute format('grant execute on function %s to public', one);
    end loop;
end $$;
-- Their rights in this database only: other databases of the server may have them too, and so the
-- roles themselves stay.
revoke all on all tables in schema public from telekol_operator, telekol_corrections;
revoke all on all functions in schema public from telekol_operator, telekol_corrections;
