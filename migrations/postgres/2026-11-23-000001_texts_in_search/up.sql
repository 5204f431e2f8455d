-- Texts that are searched (PostgreSQL). The same table, columns and comments stand in migrations/sqlite.
CREATE TABLE index_string (
    patient BIGINT NOT NULL,
    resource BIGINT NOT NULL REFERENCES resource (key),
    kind SMALLINT NOT NULL,
    param TEXT COLLATE "C" NOT NULL,
    folded TEXT COLLATE "C" NOT NULL,
    exact BIGINT NOT NULL,
    rest TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (patient, resource, param, folded, exact)
);
CREATE INDEX index_string_folded ON index_string (kind, param, folded, exact, resource);
