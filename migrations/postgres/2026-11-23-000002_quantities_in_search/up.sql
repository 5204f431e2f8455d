-- Quantities that are searched (PostgreSQL). The same table, columns and comments stand in migrations/sqlite.
CREATE TABLE index_quantity (
    patient BIGINT NOT NULL,
    resource BIGINT NOT NULL REFERENCES resource (key),
    kind SMALLINT NOT NULL,
    param TEXT COLLATE "C" NOT NULL,
    low TEXT COLLATE "C" NOT NULL,
    high TEXT COLLATE "C" NOT NULL,
    system BIGINT NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    unit TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (patient, resource, param, low, high, system, code, unit)
);
CREATE INDEX index_quantity_low ON index_quantity (kind, param, low, high, system, code, unit, resource);
