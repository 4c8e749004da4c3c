-- What every limit has been used up to: those of the catalogue, and limits by age for features without one of the day.
{include:limits_of_sums}
UNION ALL
{include:limits_of_each}
