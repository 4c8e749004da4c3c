-- The tags that are summed up.
SELECT t.tag_key AS tag
FROM reported_tags AS t
ORDER BY tag
