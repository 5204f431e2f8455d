-- The work lists ($riktlinjekontroll on an Organization): what the riktlinje had to say about each patient's whole
-- picture at the last evaluation, arranged so that a page of a unit's list is one walk along an index. All of it is
-- derived and can be made anew. Nothing but the renewal (src/door/fornyelse.rs) writes it, except the queue, which every
-- written version joins. `patient` is a patient's key, `enhet` and `lakare` are resources' keys.

-- What was written and is not yet taken in: a row per version, and one more when it left another patient.
CREATE TABLE kontroll_ko (
    seq INTEGER NOT NULL,                   -- the history row
    patient INTEGER NOT NULL,               -- whose picture it belongs to; 0 = nobody's
    resource INTEGER NOT NULL,
    efter INTEGER NOT NULL,                 -- -1; or, while those who lean on it are renewed, the last of them that is done
    PRIMARY KEY (seq, patient)
) STRICT, WITHOUT ROWID;

-- The findings about a patient by each policy that one of the patient's units is judged by.
CREATE TABLE kontroll (
    patient INTEGER NOT NULL,
    policy INTEGER NOT NULL,                -- a 64-bit hash of its name
    fynd TEXT NOT NULL,                     -- JSON; both languages, expressions in R5
    PRIMARY KEY (patient, policy)
) STRICT, WITHOUT ROWID;

-- Where the patient stands in the lists of units: under each rule and severity found, and once under the rule '' with
-- the heaviest severity of all.
CREATE TABLE kontroll_rad (
    enhet INTEGER NOT NULL,
    regel TEXT NOT NULL,
    allvarlighet INTEGER NOT NULL,          -- 1 error, 2 warning, 3 information
    patient INTEGER NOT NULL,
    policy INTEGER NOT NULL,
    PRIMARY KEY (enhet, regel, allvarlighet, patient)
) STRICT, WITHOUT ROWID;
CREATE INDEX kontroll_rad_patient ON kontroll_rad (patient);

-- What the evaluation of a patient leaned on outside the patient's own record: a 64-bit hash of Type/id, or of the type
-- and an identifier's value. When two hashes meet, a patient is renewed in vain, no more.
CREATE TABLE kontroll_beroende (
    patient INTEGER NOT NULL,
    kalla INTEGER NOT NULL,
    PRIMARY KEY (patient, kalla)
) STRICT, WITHOUT ROWID;
CREATE INDEX kontroll_beroende_kalla ON kontroll_beroende (kalla, patient);

-- The day on which the evaluation may come out otherwise although nothing is written: days since 1970, Swedish.
CREATE TABLE kontroll_dag (
    patient INTEGER NOT NULL PRIMARY KEY,
    dag INTEGER NOT NULL
) STRICT;
CREATE INDEX kontroll_dag_dag ON kontroll_dag (dag, patient);

-- Which physician is the patient's fast läkarkontakt today, in the unit's list (LIST-01).
CREATE TABLE kontroll_lakare (
    enhet INTEGER NOT NULL,
    lakare INTEGER NOT NULL,
    patient INTEGER NOT NULL,
    typ INTEGER NOT NULL,                   -- 1 specialist, 2 in specialist training, 3 not stated
    PRIMARY KEY (enhet, lakare, patient)
) STRICT, WITHOUT ROWID;
CREATE INDEX kontroll_lakare_patient ON kontroll_lakare (patient);
