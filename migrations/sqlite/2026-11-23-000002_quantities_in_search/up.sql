-- Quantities that are searched: [low, high) as texts in the order of the numbers (src/fhir/search/quantity.rs).
CREATE TABLE index_quantity (
    patient INTEGER NOT NULL,
    resource INTEGER NOT NULL REFERENCES resource (key) DEFERRABLE INITIALLY DEFERRED,
    kind INTEGER NOT NULL,
    param TEXT NOT NULL,
    low TEXT NOT NULL,
    high TEXT NOT NULL,
    system INTEGER NOT NULL,                -- as in index_token
    code TEXT NOT NULL,
    unit TEXT NOT NULL,
    PRIMARY KEY (patient, resource, param, low, high, system, code, unit)
) STRICT, WITHOUT ROWID;
CREATE INDEX index_quantity_low ON index_quantity (kind, param, low, high, system, code, unit, resource);
