-- The access log (PostgreSQL); what the columns mean stands in migrations/sqlite.

DROP TRIGGER audit_stands ON audit;
DROP TRIGGER audit_patient_stands ON audit_patient;
DROP FUNCTION audit_is_append_only();

ALTER TABLE audit
    ADD COLUMN capacity TEXT NOT NULL DEFAULT '',
    ADD COLUMN who TEXT NOT NULL DEFAULT '',
    ADD COLUMN unit TEXT NOT NULL DEFAULT '',
    ADD COLUMN provider TEXT NOT NULL DEFAULT '',
    ADD COLUMN client TEXT NOT NULL DEFAULT '',
    ADD COLUMN emergency TEXT NOT NULL DEFAULT '',
    ADD COLUMN patients TEXT NOT NULL DEFAULT '';
UPDATE audit SET patients = coalesce((
    SELECT string_agg(k.id, ' ' ORDER BY k.id COLLATE "C")
    FROM audit_patient p JOIN patient_key k ON k.key = p.patient WHERE p.audit = audit.seq
), '');

-- Each row that is cut off would be looked for in all of audit_patient.
ALTER TABLE audit_patient DROP CONSTRAINT audit_patient_audit_fkey;

CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_caller ON audit (caller, seq);

CREATE TABLE audit_chain (
    n BIGINT NOT NULL PRIMARY KEY,
    audit BIGINT NOT NULL UNIQUE,
    hash TEXT NOT NULL
);
CREATE TABLE audit_anchor (
    n BIGINT NOT NULL PRIMARY KEY,
    audit BIGINT NOT NULL,
    hash TEXT NOT NULL,
    at BIGINT NOT NULL
);
-- Rows that are not in the chain yet. Several transactions write at once; were each to take the chain's end, they would
-- have to wait for each other. So the links are made a moment later, many at a time (src/store/logger.rs).
CREATE TABLE audit_waiting (
    audit BIGINT NOT NULL PRIMARY KEY
);
INSERT INTO audit_waiting (audit) SELECT seq FROM audit;

CREATE FUNCTION audit_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_waiting (audit) SELECT seq FROM added;
    RETURN NULL;
END
$$;
CREATE TRIGGER audit_waits AFTER INSERT ON audit
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION audit_waits();

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit is append-only';
END
$$;
-- Only what lies before an anchor may be taken away: audit_patient first, then audit, then audit_chain.
CREATE FUNCTION audit_is_cut_at_anchors() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    link BIGINT;
BEGIN
    IF TG_TABLE_NAME = 'audit_chain' THEN
        link := OLD.n;
    ELSIF TG_TABLE_NAME = 'audit' THEN
        SELECT c.n INTO link FROM audit_chain c WHERE c.audit = OLD.seq;
    ELSE
        SELECT c.n INTO link FROM audit_chain c WHERE c.audit = OLD.audit;
    END IF;
    IF link IS NOT NULL AND link <= (SELECT max(n) FROM audit_anchor) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit is append-only';
END
$$;
CREATE TRIGGER audit_stands BEFORE UPDATE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_remains BEFORE DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_cut_at_anchors();
CREATE TRIGGER audit_patient_stands BEFORE UPDATE OR TRUNCATE ON audit_patient
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_patient_remains BEFORE DELETE ON audit_patient
    FOR EACH ROW EXECUTE FUNCTION audit_is_cut_at_anchors();
CREATE TRIGGER audit_chain_stands BEFORE UPDATE OR TRUNCATE ON audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_chain_remains BEFORE DELETE ON audit_chain
    FOR EACH ROW EXECUTE FUNCTION audit_is_cut_at_anchors();
CREATE TRIGGER audit_anchor_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_anchor
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
