-- What was stored stays as it was: a version only follows its resource to the patient it is filed on anew. And an anchor, before
-- which the access log may be cut, frees nothing that is younger than five years (HSLF-FS 2016:40, 4 kap. 9 §).

CREATE TRIGGER history_stands
BEFORE UPDATE OF seq, resource, kind, version, last_updated, deleted, caller, interaction, request_id, body, dold ON history
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER history_remains BEFORE DELETE ON history BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;

CREATE TRIGGER audit_anchor_frees_what_is_old BEFORE INSERT ON audit_anchor
WHEN EXISTS (
    SELECT 1 FROM audit a JOIN audit_chain c ON c.audit = a.seq
    WHERE c.n <= NEW.n AND a.at > (unixepoch() - 1825 * 86400) * 1000000
)
BEGIN SELECT RAISE(ABORT, 'the access log is kept for five years'); END;
