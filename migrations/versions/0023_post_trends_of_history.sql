-- Queue the days of readings that were stored before there were trends; alerts computes them.

insert into trend_queue (patient_id, quantity, day)
select distinct o.patient_id, o.quantity, local_day(o.measured_at)
from observation o
where o.patient_id is not null
    and not exists (select from observation_day d
        where (d.patient_id, d.quantity, d.day)
            = (o.patient_id, o.quantity, local_day(o.measured_at)));
