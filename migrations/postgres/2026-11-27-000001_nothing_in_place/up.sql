-- Five years are those of the calendar, with their leap days. (That nothing is put in the place of what stands, which SQLite must be
-- told, the triggers there are see to: ON CONFLICT fires them.)
CREATE OR REPLACE FUNCTION audit_anchor_frees_what_is_old() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM audit a JOIN audit_chain c ON c.audit = a.seq
        WHERE c.n <= NEW.n AND a.at > (extract(epoch FROM now() - interval '5 years') * 1000000)::BIGINT
    ) THEN
        RAISE EXCEPTION 'the access log is kept for five years';
    END IF;
    RETURN NEW;
END
$$;
