-- Documents that wait stay as they came: they are gone in a moment, and compressing one takes longer than writing it.
alter table epcis_capture_document alter column content set storage external;
