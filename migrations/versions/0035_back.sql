-- Takes 0035 back. What the jobs found stays; where they had looked to is found anew.

drop index validity_event_by_time, gateway_trouble_cleared, plan_time_reminder, plan_time_due,
    finding_of_jobs;
drop table clock_job;
revoke select on gateway, gateway_presence, gateway_gap, quarantine_open, unattributed_reading,
    instruction, outbox, kit, sequence_gap
    from telekol_alerts;
revoke insert on instruction from telekol_alerts;
