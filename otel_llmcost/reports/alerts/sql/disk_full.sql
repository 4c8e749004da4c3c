-- A disk of the store has less than a tenth of its space left.
SELECT
    '' AS feature,
    '' AS environment,
    '' AS tenant,
    concat('disk ', d.name) AS subject,
    1 - d.free_space / d.total_space AS value,
    0 AS usd,
    $__toTime AS since,
    concat(formatReadableSize(d.free_space), ' of ', formatReadableSize(d.total_space), ' are free') AS what,
    'disk' AS driver,
    [d.path] AS offenders
FROM system.disks AS d
WHERE d.total_space > 0
    AND d.free_space < 0.1 * d.total_space
