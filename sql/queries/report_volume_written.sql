-- Makes room: the sums of these volumes are in their file.
DELETE FROM hours WHERE list_contains($days, day)
