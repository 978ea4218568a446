-- Indexes under foreign keys that had none. judgement_queue alone stays without: it is short, it is
-- written for each batch, and no patient is ever deleted.

create index gateway_of_kit on gateway (kit_id);
create index kit_assignment_of_patient on kit_assignment (patient_id);
create index triage_case_of_patient on triage_case (patient_id);
create index triage_case_of_team on triage_case (team_id);
create index case_event_of_finding on case_event (finding_id);
create index case_event_by_clinician on case_event (clinician_id);
create index attribution_event_from on attribution_event (from_patient);
create index attribution_event_to on attribution_event (to_patient);
create index attribution_event_candidate on attribution_event (candidate);
create index attribution_event_undoing on attribution_event (undoes);
create index validity_event_of_patient on validity_event (patient_id);
create index plan_item_first_questionnaire on plan_item (questionnaire_id, questionnaire_first);
