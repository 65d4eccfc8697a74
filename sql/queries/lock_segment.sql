-- The file that a ledger row stands for; nobody else changes the row until the end of the transaction.
SELECT sha256 FROM etl_segments WHERE name = %s FOR UPDATE
