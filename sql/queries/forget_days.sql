-- Makes room for days that are to be added up anew; without days for all.
DELETE FROM usage_days
WHERE %(days)s::date[] IS NULL OR day = ANY (%(days)s::date[])
