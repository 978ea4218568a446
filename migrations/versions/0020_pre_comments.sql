-- What tables and columns of the migrations before 0010 hold, where they did not say so.

comment on column attribution_event.id is 'Number of the event; a later one counts.';
comment on column attribution_event.reading_id is 'Which reading.';
comment on column attribution_event.measured_at is
    'When it was measured, so that it is found in its chunk.';
comment on column attribution_event.from_patient is 'Whose it was before; null for nobody''s.';
comment on column attribution_event.to_patient is 'Whose it is now; null for nobody''s.';
comment on column attribution_event.code is 'What the guard saw, as a word; null for a person.';
comment on column attribution_event.reason is 'Why, in words.';
comment on column attribution_event.by_whom is 'The guard, or the person.';
comment on column attribution_event.undoes is 'The event that this one takes back.';
comment on column attribution_event.at is 'When.';

comment on table case_event is
    'What happened to a case, in order; triage_case is its fold. Append-only.';
comment on column case_event.case_id is 'Which case.';
comment on column case_event.version is 'Counts the case''s events from 1.';
comment on column case_event.at is 'When.';
comment on column case_event.kind is 'What happened, as a word of alerts.casework.cases.';
comment on column case_event.severity is
    'How severe what changed is; null where nothing was judged.';
comment on column case_event.score is 'The rule''s number behind the severity.';
comment on column case_event.finding_id is 'The finding that moved the case; null for a person.';
comment on column case_event.clinician_id is 'Who did it; null for the engine.';

comment on table clinician is 'A person who works with the board, with the home team and role.';
comment on column clinician.id is 'Our own short name.';
comment on column clinician.name is 'As colleagues call the person.';
comment on column clinician.team_id is 'The home team; membership says where else, and when.';
comment on column clinician.role is 'Role in the home team.';

comment on table device is
    'A device that measured, as it describes itself. The server learns of it with its first reading.';
comment on column device.id is 'Number of the row.';
comment on column device.address is 'Its Bluetooth address, or another name of its line.';
comment on column device.manufacturer is 'As it says.';
comment on column device.model is 'As it says.';
comment on column device.serial is 'As it says; cheap devices share one.';
comment on column device.first_seen_at is 'When its first reading came.';

comment on table finding is
    'What a rule said of a reading, with all that is needed to say it again. Append-only.';
comment on column finding.id is 'Made of what it judged: judging twice gives one.';
comment on column finding.patient_id is 'About whom.';
comment on column finding.channel is 'Clinical, missing or technical.';
comment on column finding.rule is 'Which rule.';
comment on column finding.rule_version is 'In which version.';
comment on column finding.result is 'judged, or insufficient: a person must look.';
comment on column finding.severity is 'Green, blue, yellow or red.';
comment on column finding.score is 'The rule''s number behind the severity.';
comment on column finding.quantity is 'About what; null if about none alone.';
comment on column finding.measured_at is 'When the newest reading it judged was measured.';
comment on column finding.late is 'Whether the reading came too late to act on as news.';
comment on column finding.reading_ids is 'The readings it judged.';
comment on column finding.limits is 'The limits it used, as they were.';
comment on column finding.evidence is 'The values it used, as they were.';
comment on column finding.reason_da is 'Why, in Danish.';
comment on column finding.reason_en is 'Why, in English.';
comment on column finding.found_at is 'When it was found.';

comment on column gap_explanation.id is 'Number of the row.';
comment on column gap_explanation.gateway_id is 'Whose numbers.';
comment on column gap_explanation.boot is 'Of which life of its outbox.';
comment on column gap_explanation.first is 'The first number that will not come.';
comment on column gap_explanation.last is 'The last number that will not come.';
comment on column gap_explanation.reason is 'What was found out.';
comment on column gap_explanation.by_whom is 'Who found it out.';
comment on column gap_explanation.at is 'When it was written down.';

comment on table gateway is 'A box in a home that reads devices and sends readings.';
comment on column gateway.id is 'The common name in its certificate.';
comment on column gateway.kit_id is 'The kit it belongs to.';
comment on column gateway.enrolled_at is 'When it was registered.';

comment on column gateway_health.gateway_id is 'Which gateway.';
comment on column gateway_health.life is 'One start of its process.';
comment on column gateway_health.connection is 'Which of its connections, counted.';
comment on column gateway_health.report is 'Which message of the connection, counted.';
comment on column gateway_health.online is 'Whether it is there.';
comment on column gateway_health.online_changed_at is 'Since when it is, or is not.';
comment on column gateway_health.heard_at is 'When it was last heard.';

comment on column gateway_presence.id is 'Number of the row.';
comment on column gateway_presence.gateway_id is 'Which gateway.';
comment on column gateway_presence.online is 'Whether it came or went.';
comment on column gateway_presence.changed_at is 'When.';

comment on table gateway_trouble is
    'Technical troubles of homes, as their gateways raised and cleared them.';
comment on column gateway_trouble.id is 'Number of the row.';
comment on column gateway_trouble.gateway_id is 'Which gateway.';
comment on column gateway_trouble.code is 'Which trouble; words for it are in telekol.troubles.';
comment on column gateway_trouble.cleared_at is 'When it was over; null while it lasts.';
comment on column gateway_trouble.detail is 'What the gateway said of it.';

comment on table instruction_acknowledgement is
    'What gateways said of instructions that the server sent them.';
comment on column instruction_acknowledgement.gateway_id is 'Which gateway.';
comment on column instruction_acknowledgement.instruction is 'Which instruction.';
comment on column instruction_acknowledgement.state is 'What became of it.';
comment on column instruction_acknowledgement.at is 'When, by the gateway''s clock.';
comment on column instruction_acknowledgement.reason is 'Why, if it was refused.';
comment on column instruction_acknowledgement.heard_at is 'When the server heard of it.';

comment on table judgement_queue is
    'Readings that wait to be judged, one row for what one transaction stored of one patient.';
comment on column judgement_queue.id is 'Number of the row; the lowest is judged first.';
comment on column judgement_queue.patient_id is 'Whose.';
comment on column judgement_queue.reading_ids is 'Which readings.';
comment on column judgement_queue.measured_to is 'See measured_from.';
comment on column judgement_queue.enqueued_at is 'When they were stored.';

comment on table kit is 'A gateway and its devices, handed out together.';
comment on column kit.id is 'As it says on the box.';

comment on column kit_assignment.id is 'Number of the row.';
comment on column kit_assignment.kit_id is 'Which kit.';
comment on column kit_assignment.patient_id is 'Who had it.';
comment on column kit_assignment.period is 'From a moment up to another; no end is until further.';

comment on column observation.measured_at is 'When it was measured, corrected.';
comment on column observation.received_at is 'When the gateway had it.';
comment on column observation.stored_at is 'When the server had it.';
comment on column observation.value is 'In the quantity''s own unit.';
comment on column observation.reading_id is
    'The same however often and by whomever it is sent (docs/decisions/0004).';
comment on column observation.device_id is 'Which device measured.';
comment on column observation.outbox_id is 'Which life of which gateway''s outbox sent it.';
comment on column observation.quantity is 'What was measured.';
comment on column observation.time_confidence is 'How good measured_at is.';
comment on column observation.entered is 'By the device, or typed by whom.';

comment on table observation_identity is
    'Which readings are stored: one row for each, whatever time it was corrected to.';

comment on column outbox.id is 'Number of the row.';
comment on column outbox.gateway_id is 'Whose outbox.';
comment on column outbox.boot is 'Random: a new file is a new life.';
comment on column outbox.updated_at is 'When its numbers last changed.';

comment on table patient is 'A person who is monitored.';
comment on column patient.id is 'Random; the only thing of a patient that leaves in addresses.';
comment on column patient.name is 'As the team calls the patient.';
comment on column patient.team_id is 'The team that watches.';
comment on column patient.registered_at is 'When the patient was put in.';

comment on column patient_limit.id is 'Number of the row.';
comment on column patient_limit.patient_id is 'Whose.';
comment on column patient_limit.quantity is 'Of what; the unit is the quantity''s own.';
comment on column patient_limit.red_low is 'Below is red.';
comment on column patient_limit.yellow_low is 'Below is yellow.';
comment on column patient_limit.yellow_high is 'Above is yellow.';
comment on column patient_limit.red_high is 'Above is red.';
comment on column patient_limit.valid_from is 'From when; until the next row''s.';
comment on column patient_limit.set_by is 'Who wrote it.';

comment on table quarantine is
    'What came and could not be stored, with the reason: nothing is thrown away.';
comment on column quarantine.id is 'Number of the row.';
comment on column quarantine.quarantined_at is 'When.';
comment on column quarantine.topic is 'The topic it came on.';
comment on column quarantine.code is 'The reason as a word (docs/wire.md).';
comment on column quarantine.reason is 'The reason in words.';
comment on column quarantine.gateway_id is 'From which gateway; null if nobody knows.';
comment on column quarantine.boot is 'From which life of its outbox.';
comment on column quarantine.seq is 'Its number there; null for a whole message.';
comment on column quarantine.tries is 'How often it was replayed.';
comment on column quarantine.tried_at is 'When it was last replayed.';
comment on column quarantine.resolved_at is 'When it was done with.';
comment on column quarantine.resolved_by is 'Who did that.';

comment on column quarantine_event.id is 'Number of the row.';
comment on column quarantine_event.quarantine_id is 'Which entry.';
comment on column quarantine_event.at is 'When.';
comment on column quarantine_event.kind is 'What came of it.';
comment on column quarantine_event.by_whom is 'Who did it.';
comment on column quarantine_event.detail is 'In words.';

comment on column sequence_gap.id is 'Number of the row.';
comment on column sequence_gap.gateway_id is 'Whose numbers.';
comment on column sequence_gap.boot is 'Of which life of its outbox.';
comment on column sequence_gap.first is 'The first that is missing.';
comment on column sequence_gap.last is 'The last that is missing.';
comment on column sequence_gap.noticed_at is 'When it was first noticed.';

comment on table team is
    'Who a case belongs to: a municipality''s acute team or a hospital''s lung clinic.';
comment on column team.id is 'Our own short name.';
comment on column team.name is 'As people call it.';
comment on column team.kind is 'Municipal or hospital.';

comment on view technical_trouble is 'What is wrong now in homes, for people who mend it.';

comment on column triage_case.id is 'Random.';
comment on column triage_case.patient_id is 'About whom.';
comment on column triage_case.channel is 'Clinical, missing or technical.';
comment on column triage_case.team_id is 'Whose work it is.';
comment on column triage_case.state is 'New, seen, returned or closed.';
comment on column triage_case.severity is 'The worst of what stands.';
comment on column triage_case.reason_da is 'Why, in Danish.';
comment on column triage_case.reason_en is 'Why, in English.';
comment on column triage_case.opened_at is 'When it was opened.';
comment on column triage_case.changed_at is 'When its last event was.';
comment on column triage_case.version is 'The number of its last event.';

comment on table validity_event is
    'Who said that a reading does not hold, or that it does after all. Append-only.';
comment on column validity_event.id is 'Number of the event; a later one counts.';
comment on column validity_event.reading_id is 'Which reading.';
comment on column validity_event.measured_at is
    'When it was measured, so that it is found in its chunk.';
comment on column validity_event.patient_id is 'Whose it was then.';
comment on column validity_event.kind is 'invalidated or reinstated.';
comment on column validity_event.reason is 'Why, in words.';
comment on column validity_event.by_whom is 'Who said so.';
comment on column validity_event.at is 'When.';

comment on column withdrawn_reading.patient_id is 'Whose it was.';
comment on column withdrawn_reading.reading_id is 'Which reading.';
comment on column withdrawn_reading.why is
    'Somebody said it does not hold, or it was moved to another patient.';
