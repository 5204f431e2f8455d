-- What was stored stays as it was: a version only follows its resource to the patient it is filed on anew. And an anchor, before
-- which the access log may be cut, frees nothing that is younger than five years (HSLF-FS 2016:40, 4 kap. 9 §).

CREATE FUNCTION history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'history is append-only';
END
$$;
CREATE TRIGGER history_stands
    BEFORE UPDATE OF seq, resource, kind, version, last_updated, deleted, caller, interaction, request_id, body, dold ON history
    FOR EACH STATEMENT EXECUTE FUNCTION history_is_append_only();
CREATE TRIGGER history_remains BEFORE DELETE OR TRUNCATE ON history
    FOR EACH STATEMENT EXECUTE FUNCTION history_is_append_only();

CREATE FUNCTION audit_anchor_frees_what_is_old() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM audit a JOIN audit_chain c ON c.audit = a.seq
        WHERE c.n <= NEW.n AND a.at > ((extract(epoch FROM now()) - 1825 * 86400) * 1000000)::BIGINT
    ) THEN
        RAISE EXCEPTION 'the access log is kept for five years';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER audit_anchor_frees_what_is_old BEFORE INSERT ON audit_anchor
    FOR EACH ROW EXECUTE FUNCTION audit_anchor_frees_what_is_old();
