-- The work lists (PostgreSQL). The same tables, columns and comments stand in migrations/sqlite.

CREATE TABLE kontroll_ko (
    seq BIGINT NOT NULL,
    patient BIGINT NOT NULL,
    resource BIGINT NOT NULL,
    efter BIGINT NOT NULL,
    PRIMARY KEY (seq, patient)
);

CREATE TABLE kontroll (
    patient BIGINT NOT NULL,
    policy BIGINT NOT NULL,
    fynd TEXT NOT NULL,
    PRIMARY KEY (patient, policy)
);

CREATE TABLE kontroll_rad (
    enhet BIGINT NOT NULL,
    regel TEXT COLLATE "C" NOT NULL,
    allvarlighet SMALLINT NOT NULL,
    patient BIGINT NOT NULL,
    policy BIGINT NOT NULL,
    PRIMARY KEY (enhet, regel, allvarlighet, patient)
);
CREATE INDEX kontroll_rad_patient ON kontroll_rad (patient);

CREATE TABLE kontroll_beroende (
    patient BIGINT NOT NULL,
    kalla BIGINT NOT NULL,
    PRIMARY KEY (patient, kalla)
);
CREATE INDEX kontroll_beroende_kalla ON kontroll_beroende (kalla, patient);

CREATE TABLE kontroll_dag (
    patient BIGINT NOT NULL PRIMARY KEY,
    dag BIGINT NOT NULL
);
CREATE INDEX kontroll_dag_dag ON kontroll_dag (dag, patient);

CREATE TABLE kontroll_lakare (
    enhet BIGINT NOT NULL,
    lakare BIGINT NOT NULL,
    patient BIGINT NOT NULL,
    typ SMALLINT NOT NULL,
    PRIMARY KEY (enhet, lakare, patient)
);
CREATE INDEX kontroll_lakare_patient ON kontroll_lakare (patient);
