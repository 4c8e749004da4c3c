-- The day of the range's end is today, so that one looks at any past day by ending the range there. Days are UTC.
toDate($__toTime, 'UTC') AS today,
today - 1 AS yesterday
