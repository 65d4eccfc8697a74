-- Their lines are read again, strictly.
DELETE FROM records WHERE list_contains($files, file)
