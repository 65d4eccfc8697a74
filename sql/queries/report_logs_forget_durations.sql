-- They are of another question.
TRUNCATE durations
