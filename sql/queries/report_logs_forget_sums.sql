-- They hold a record twice, and are made again.
DELETE FROM sums
