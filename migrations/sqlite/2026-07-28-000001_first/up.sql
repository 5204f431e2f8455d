-- The first schema (SQLite). The same tables stand in migrations/postgres; src/store/schema.rs declares both for diesel.
--
-- A body is stored once: `history` holds every version, `resource` is the slim current state that points at its row.
-- Times are microseconds since 1970 (UTC). `kind` is the type's stable number (src/store/kind.rs), `system` a 64-bit hash
-- of the system's URI (src/store/index.rs): both stand in many rows, and a long text in each would be most of the file.
-- The patient is the shard: `patient` comes first in every clinical key; 0 = no patient.

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The patient's logical id, told once; a patient who is only referred to has a key too.
CREATE TABLE patient_key (
    key INTEGER NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO patient_key (key, id) VALUES (0, '');

CREATE TABLE resource (
    key INTEGER NOT NULL PRIMARY KEY,       -- the history row of the first version
    kind INTEGER NOT NULL,
    id TEXT NOT NULL,
    patient INTEGER NOT NULL REFERENCES patient_key (key),
    current INTEGER NOT NULL,               -- the history row of the current version
    version INTEGER NOT NULL,
    last_updated INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    UNIQUE (kind, id)
) STRICT;
CREATE INDEX resource_patient ON resource (patient, kind, key);
CREATE INDEX resource_kind ON resource (kind, key);
CREATE INDEX resource_updated ON resource (kind, last_updated, key);

CREATE TABLE history (
    seq INTEGER NOT NULL PRIMARY KEY,
    patient INTEGER NOT NULL,
    resource INTEGER NOT NULL REFERENCES resource (key),
    version INTEGER NOT NULL,
    last_updated INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    caller TEXT NOT NULL,
    interaction TEXT NOT NULL,
    request_id TEXT NOT NULL,
    body TEXT NOT NULL,                     -- R5 JSON with id and meta; empty when deleted
    UNIQUE (patient, resource, version)
) STRICT;

-- Their references are checked at the commit, so that a statement of several rows need not be undoable by itself.
CREATE TABLE index_token (
    patient INTEGER NOT NULL,
    resource INTEGER NOT NULL REFERENCES resource (key) DEFERRABLE INITIALLY DEFERRED,
    kind INTEGER NOT NULL,
    param TEXT NOT NULL,
    system INTEGER NOT NULL,                -- 0 = no system
    value TEXT NOT NULL,
    PRIMARY KEY (patient, resource, param, value, system)
) STRICT, WITHOUT ROWID;
CREATE INDEX index_token_value ON index_token (kind, param, value, system, resource);

CREATE TABLE index_reference (
    patient INTEGER NOT NULL,
    resource INTEGER NOT NULL REFERENCES resource (key) DEFERRABLE INITIALLY DEFERRED,
    kind INTEGER NOT NULL,
    param TEXT NOT NULL,
    target_kind TEXT NOT NULL,              -- each of the three is empty when not stated
    target_id TEXT NOT NULL,
    target_url TEXT NOT NULL,
    PRIMARY KEY (patient, resource, param, target_id, target_kind, target_url)
) STRICT, WITHOUT ROWID;
CREATE INDEX index_reference_target ON index_reference (kind, param, target_id, target_kind, target_url, resource);

CREATE TABLE index_date (
    patient INTEGER NOT NULL,
    resource INTEGER NOT NULL REFERENCES resource (key) DEFERRABLE INITIALLY DEFERRED,
    kind INTEGER NOT NULL,
    param TEXT NOT NULL,
    low INTEGER NOT NULL,                   -- [low, high); an open end is the smallest or largest integer
    high INTEGER NOT NULL,
    PRIMARY KEY (patient, resource, param, low, high)
) STRICT, WITHOUT ROWID;
CREATE INDEX index_date_low ON index_date (kind, param, low, high, resource);

-- What is still to be told to others: one row per version written, removed when delivered. Holds no personal data.
CREATE TABLE outbox (
    seq INTEGER NOT NULL PRIMARY KEY REFERENCES history (seq),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Who did what, for what purpose, with whose record: one row per request, and one per patient it touched.
CREATE TABLE audit (
    seq INTEGER NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    caller TEXT NOT NULL,
    purpose TEXT NOT NULL,
    interaction TEXT NOT NULL,
    outcome TEXT NOT NULL,
    request_id TEXT NOT NULL,
    resources TEXT NOT NULL                 -- Type/id/_history/n, separated by spaces
) STRICT;
CREATE TABLE audit_patient (
    patient INTEGER NOT NULL REFERENCES patient_key (key),
    audit INTEGER NOT NULL REFERENCES audit (seq),
    PRIMARY KEY (patient, audit)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_stands BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_remains BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_patient_stands BEFORE UPDATE ON audit_patient BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_patient_remains BEFORE DELETE ON audit_patient BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
