-- Texts that are searched (string parameters, and the modifier :text): src/fhir/search/text.rs says how they are folded.
-- An index takes no long texts: `folded` is the beginning of the folded text, `rest` what is left of it, mostly nothing.
CREATE TABLE index_string (
    patient INTEGER NOT NULL,
    resource INTEGER NOT NULL REFERENCES resource (key) DEFERRABLE INITIALLY DEFERRED,
    kind INTEGER NOT NULL,
    param TEXT NOT NULL,
    folded TEXT NOT NULL,
    exact INTEGER NOT NULL,                 -- a 64-bit hash of the text as it stands, for :exact
    rest TEXT NOT NULL,
    PRIMARY KEY (patient, resource, param, folded, exact)
) STRICT, WITHOUT ROWID;
CREATE INDEX index_string_folded ON index_string (kind, param, folded, exact, resource);
