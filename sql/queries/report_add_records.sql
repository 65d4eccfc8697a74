-- Keeps each record of another statement, which takes the place of the comment below.
INSERT INTO records SELECT * FROM (/* record */)
