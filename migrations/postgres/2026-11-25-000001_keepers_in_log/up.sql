-- The access log tells which other vårdgivare keep what a row tells of (HSA-ids, separated by spaces), so that each can follow
-- up who had access to what it keeps (PDL 4 kap. 3 §). Empty: nobody but the caller's own.
ALTER TABLE audit ADD COLUMN keepers TEXT NOT NULL DEFAULT '';
