-- Notes that a request was met; changes nothing when it had been before.
INSERT OR IGNORE INTO seen (request_id) VALUES (?)
