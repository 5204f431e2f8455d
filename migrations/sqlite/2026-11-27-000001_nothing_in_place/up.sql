-- `OR REPLACE` takes away the row that has the same key and fires no trigger for it, and `UPDATE OF` tells a column by the name
-- that the statement has for it (`rowid` is `seq` as well). So no row of what stands is put where there is one, and none moves there.
-- A row of `audit_patient` is nothing but its key: another in its place would be the same.

CREATE TRIGGER history_is_not_replaced BEFORE INSERT ON history
WHEN EXISTS (SELECT 1 FROM history WHERE seq = NEW.seq)
    OR EXISTS (SELECT 1 FROM history WHERE patient = NEW.patient AND resource = NEW.resource AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER history_replaces_nothing BEFORE UPDATE ON history
WHEN NEW.seq <> OLD.seq OR (
    NEW.patient <> OLD.patient
    AND EXISTS (SELECT 1 FROM history WHERE patient = NEW.patient AND resource = NEW.resource AND version = NEW.version)
)
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;

-- (FAIL: for ABORT, SQLite copies every page that it touches, at each row that is put in.)
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq)
BEGIN SELECT RAISE(FAIL, 'audit is append-only'); END;
CREATE TRIGGER audit_chain_is_not_replaced BEFORE INSERT ON audit_chain
WHEN EXISTS (SELECT 1 FROM audit_chain WHERE n = NEW.n) OR EXISTS (SELECT 1 FROM audit_chain WHERE audit = NEW.audit)
BEGIN SELECT RAISE(FAIL, 'audit is append-only'); END;
-- (A key that is left out is -1 before the row is there: whoever puts an anchor says where.)
CREATE TRIGGER audit_anchor_is_not_replaced BEFORE INSERT ON audit_anchor
WHEN NEW.n < 1 OR EXISTS (SELECT 1 FROM audit_anchor WHERE n = NEW.n)
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;

-- Five years are those of the calendar, with their leap days.
DROP TRIGGER audit_anchor_frees_what_is_old;
CREATE TRIGGER audit_anchor_frees_what_is_old BEFORE INSERT ON audit_anchor
WHEN EXISTS (
    SELECT 1 FROM audit a JOIN audit_chain c ON c.audit = a.seq
    WHERE c.n <= NEW.n AND a.at > unixepoch('now', '-5 years') * 1000000
)
BEGIN SELECT RAISE(ABORT, 'the access log is kept for five years'); END;
