-- The access log (SQLite): every disclosure and change is a row of `audit`, and each row a link of the chain
-- `audit_chain`, whose hashes (src/store/audit.rs) tell when a row was changed, taken away or put in between.
-- What is empty was not told.

ALTER TABLE audit ADD COLUMN capacity TEXT NOT NULL DEFAULT '';   -- open, service, anonymous, patient, medarbetare, system
ALTER TABLE audit ADD COLUMN who TEXT NOT NULL DEFAULT '';        -- a reference to the one who calls
ALTER TABLE audit ADD COLUMN unit TEXT NOT NULL DEFAULT '';       -- HSA-id of the caller's vårdenhet
ALTER TABLE audit ADD COLUMN provider TEXT NOT NULL DEFAULT '';   -- HSA-id of its vårdgivare
ALTER TABLE audit ADD COLUMN client TEXT NOT NULL DEFAULT '';     -- the program
ALTER TABLE audit ADD COLUMN emergency TEXT NOT NULL DEFAULT '';  -- nödöppning: why
ALTER TABLE audit ADD COLUMN patients TEXT NOT NULL DEFAULT '';   -- their ids, in order, separated by spaces

DROP TRIGGER audit_stands;
DROP TRIGGER audit_remains;
DROP TRIGGER audit_patient_stands;
DROP TRIGGER audit_patient_remains;
UPDATE audit SET patients = coalesce((
    SELECT group_concat(id, ' ') FROM (
        SELECT k.id FROM audit_patient p JOIN patient_key k ON k.key = p.patient WHERE p.audit = audit.seq ORDER BY k.id
    )
), '');

-- Without a reference to audit: each row that is cut off would be looked for in all of this table.
ALTER TABLE audit_patient RENAME TO audit_patient_before;
CREATE TABLE audit_patient (
    patient INTEGER NOT NULL REFERENCES patient_key (key),
    audit INTEGER NOT NULL,
    PRIMARY KEY (patient, audit)
) STRICT, WITHOUT ROWID;
INSERT INTO audit_patient SELECT patient, audit FROM audit_patient_before;
DROP TABLE audit_patient_before;

CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_caller ON audit (caller, seq);

CREATE TABLE audit_chain (
    n INTEGER NOT NULL PRIMARY KEY,         -- 1, 2, 3 … without gaps
    audit INTEGER NOT NULL UNIQUE,          -- the row that the link holds
    hash TEXT NOT NULL                      -- SHA-256 over the link before and the row, in hex
) STRICT;
-- What was cut off when its time had passed ended with this link; the chain is verified from there.
CREATE TABLE audit_anchor (
    n INTEGER NOT NULL PRIMARY KEY,
    audit INTEGER NOT NULL,
    hash TEXT NOT NULL,
    at INTEGER NOT NULL                     -- when it was cut
) STRICT;

CREATE TRIGGER audit_stands BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_patient_stands BEFORE UPDATE ON audit_patient BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_chain_stands BEFORE UPDATE ON audit_chain BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_anchor_stands BEFORE UPDATE ON audit_anchor BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_anchor_remains BEFORE DELETE ON audit_anchor BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
-- Only what lies before an anchor may be taken away: audit_patient first, then audit, then audit_chain.
CREATE TRIGGER audit_remains BEFORE DELETE ON audit
WHEN NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.audit = OLD.seq AND c.n <= (SELECT max(n) FROM audit_anchor))
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_patient_remains BEFORE DELETE ON audit_patient
WHEN NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.audit = OLD.audit AND c.n <= (SELECT max(n) FROM audit_anchor))
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_chain_remains BEFORE DELETE ON audit_chain
WHEN NOT OLD.n <= coalesce((SELECT max(n) FROM audit_anchor), 0)
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
