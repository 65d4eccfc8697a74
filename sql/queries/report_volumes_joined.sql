-- Volumes of several files, to be written as one: of file number $files[i] the volume $days[i].
SELECT sums.* EXCLUDE (file_index)
FROM (SELECT *, file_index FROM read_parquet($paths)) AS sums
JOIN (SELECT unnest($files) AS file_index, unnest($days) AS day) AS valid USING (file_index, day)
