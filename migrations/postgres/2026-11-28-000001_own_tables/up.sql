-- The triggers that keep the log ask the tables of this schema. Unqualified names were looked for in the caller's search_path, and
-- first of all among her temporary tables: a view of her own could tell them what she liked.
DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['audit_is_cut_at_anchors', 'audit_anchor_frees_what_is_old', 'audit_waits'] LOOP
        EXECUTE format('ALTER FUNCTION %I() SET search_path = pg_catalog, %I, pg_temp', name, current_schema());
    END LOOP;
END
$$;
