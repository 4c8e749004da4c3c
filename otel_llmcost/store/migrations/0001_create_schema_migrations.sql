-- Why: the database itself says which migrations it has had, so that no file runs twice and an edited one is seen.
-- Mutation: no. Safe to re-run: yes. Undo: DROP TABLE schema_migrations, once nothing else of this schema is left.
CREATE TABLE IF NOT EXISTS schema_migrations {on_cluster}
(
    version UInt32 COMMENT 'Number of the migration file',
    name String COMMENT 'Name of the migration file',
    checksum String COMMENT 'sha256 of the canonical file, before rendering',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When its last statement succeeded'
)
ENGINE = {replicated}ReplacingMergeTree(applied_at)
ORDER BY version
COMMENT 'Migrations applied to this database';
