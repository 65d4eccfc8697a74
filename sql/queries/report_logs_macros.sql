-- What a field of a line is, told from its JSON text.
CREATE TEMP MACRO is_text(x, most) AS starts_with(x, '"') AND strlen(x) <= most;
CREATE TEMP MACRO as_text(x) AS CASE
    WHEN contains(x, '\') OR NOT starts_with(x, '"') THEN json_extract_string(x, '$')
    ELSE substr(x::VARCHAR, 2, length(x::VARCHAR) - 2)
END;
CREATE TEMP MACRO as_whole(x) AS TRY_CAST(x::VARCHAR AS BIGINT);
-- Written back it must be the same text: the cast takes 5.4 for 5 and 1e3 for 1000.
CREATE TEMP MACRO is_whole(x) AS as_whole(x)::VARCHAR = x::VARCHAR;
CREATE TEMP MACRO as_number(x) AS TRY_CAST(trim(x::VARCHAR, '"') AS DECIMAL(38, 12));
CREATE TEMP MACRO as_time(x) AS TRY_CAST(trim(x::VARCHAR, '"') AS TIMESTAMP);
CREATE TEMP MACRO as_duration(x) AS TRY_CAST(trim(x::VARCHAR, '"') AS DECIMAL(18, 6));
