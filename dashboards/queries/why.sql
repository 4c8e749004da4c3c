-- Yesterday in a line: how far from normal and by what, which feature explains most, since when, and whose it is.
WITH
    {include:dates},
    {include:normal_day},
    {include:movers},
    {include:owners},
    {include:markers},
    totals AS
    (
        SELECT
            toFloat64(sum(m.normal)) AS normal,
            toFloat64(sum(m.became)) AS became,
            became - normal AS change,
            argMax(m.feature, (abs(m.change), m.feature)) AS feature,
            toFloat64(argMax(m.change, (abs(m.change), m.feature))) AS feature_change,
            argMax(m.driver, (abs(m.change), m.feature)) AS driver,
            arrayStringConcat(
                arrayMap(
                    part -> concat(part.1, ' (', if(part.2 < 0, '-$', '+$'), toDecimalString(abs(part.2), 2), ')'),
                    arraySlice(
                        arraySort(
                            part -> -abs(part.2),
                            arrayFilter(
                                part -> abs(part.2) >= 0.01,
                                [
                                    ('new features', toFloat64(sum(m.new_part))),
                                    ('ended features', toFloat64(sum(m.ended_part))),
                                    ('volume', toFloat64(sum(m.volume_part))),
                                    ('tokens a call', toFloat64(sum(m.tokens_part))),
                                    ('cache mix', toFloat64(sum(m.cache_part))),
                                    ('model mix', toFloat64(sum(m.model_part))),
                                    ('price and fees', toFloat64(sum(m.price_part)))
                                ]
                            )
                        ),
                        1,
                        2
                    )
                ),
                ' and '
            ) AS drivers,
            count() AS features
        FROM movers AS m
    )
SELECT
    multiIf(
        t.features = 0, 'No calls yesterday and none on the last four same weekdays.',
        t.normal = 0, concat('Yesterday cost $', toDecimalString(t.became, 2), '; there is no earlier ', dateName('weekday', yesterday), ' to compare it with.'),
        concat(
            'Yesterday cost $', toDecimalString(t.became, 2), ', ',
            if(abs(t.change) < 0.05 * t.normal, 'as a normal ', concat('$', toDecimalString(abs(t.change), 2), ' (', toString(round(abs(t.change) / t.normal * 100)), ' %) ', if(t.change > 0, 'above', 'below'), ' a normal ')),
            dateName('weekday', yesterday), if(t.drivers = '', '', concat(', mostly ', t.drivers)), '. ',
            if(t.feature = '', 'What nobody named', t.feature), ' moved most: ', if(t.feature_change < 0, '-$', '+$'), toDecimalString(abs(t.feature_change), 2),
            ', mainly by ', t.driver.1, ' (', if(t.driver.2 < 0, '-$', '+$'), toDecimalString(abs(toFloat64(t.driver.2)), 2), ')',
            if(k.at = toDateTime(0, 'UTC'), '', concat(', since the ', replaceAll(k.kind, '_', ' '), ' ', k.subject, ' of ', formatDateTime(k.at, '%e %b %H:%i'))),
            '. ',
            if(o.owner = '', 'Nobody owns it in the catalogue yet.', concat('Ask ', o.owner, if(o.channel = '', '', concat(' in ', o.channel)), '.'))
        )
    ) AS sentence
FROM totals AS t
LEFT JOIN owners AS o ON o.feature = t.feature
LEFT JOIN
(
    SELECT
        m.feature AS feature,
        max(m.at) AS at,
        argMax(m.kind, m.at) AS kind,
        argMax(m.subject, m.at) AS subject
    FROM markers AS m
    WHERE m.at < toDateTime(today, 'UTC')
    GROUP BY feature
) AS k ON k.feature = t.feature
