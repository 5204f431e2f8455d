-- What the access decision asks of each row (src/store/atkomst.rs). It is told when a version is written and then stands;
-- `reindex` fills in what older rows do not have.

-- Who keeps records: the unit, what it lies within, the vårdgivare last; HSA-ids in capitals, a space between.
CREATE TABLE hallare (
    key INTEGER NOT NULL PRIMARY KEY,
    namn TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO hallare (key, namn) VALUES (0, ''), (1, 'patienten');

-- The same, one HSA-id at a time.
CREATE TABLE hallare_enhet (
    hsa_id TEXT NOT NULL,
    hallare INTEGER NOT NULL REFERENCES hallare (key),
    PRIMARY KEY (hsa_id, hallare)
) STRICT, WITHOUT ROWID;

ALTER TABLE resource ADD COLUMN hallare INTEGER NOT NULL DEFAULT 0;     -- 0 = nobody knows, 1 = the patient
ALTER TABLE resource ADD COLUMN dold INTEGER NOT NULL DEFAULT 0;        -- not to be shown to the patient
ALTER TABLE resource ADD COLUMN skyddad INTEGER NOT NULL DEFAULT 0;     -- labelled as a protected person's
ALTER TABLE resource ADD COLUMN allman INTEGER NOT NULL DEFAULT 0;      -- tells of no patient, or a Patient without a unit
ALTER TABLE history ADD COLUMN dold INTEGER NOT NULL DEFAULT 0;
ALTER TABLE history ADD COLUMN flyttad INTEGER NOT NULL DEFAULT 0;      -- filed on another patient than the record is now

-- What a patient's consents, blocks and contacts say about who may see the others: derived from the resource that says so.
CREATE TABLE ratt (
    patient INTEGER NOT NULL,
    slag INTEGER NOT NULL,
    hsa_id TEXT NOT NULL,                   -- empty = every one
    resource INTEGER NOT NULL,
    low INTEGER NOT NULL,                   -- in force in [low, high), microseconds since 1970
    high INTEGER NOT NULL,
    PRIMARY KEY (patient, slag, hsa_id, resource, low)
) STRICT, WITHOUT ROWID;
