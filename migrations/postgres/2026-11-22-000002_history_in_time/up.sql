-- The history of a type and of the whole system, newest first.
ALTER TABLE history ADD COLUMN kind SMALLINT NOT NULL DEFAULT 0;
UPDATE history SET kind = resource.kind FROM resource WHERE resource.key = history.resource;
CREATE INDEX history_time ON history (last_updated, seq);
CREATE INDEX history_kind_time ON history (kind, last_updated, seq);
