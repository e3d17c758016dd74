// Where the checks of a Cassandra ring write: one keyspace with one table, made once and never
// dropped.

export const KEYSPACE = 'zk_ensemble_action'
export const TABLE = `${KEYSPACE}.rows`
export const TABLE_CQL = `CREATE TABLE IF NOT EXISTS ${TABLE} (id text PRIMARY KEY, value text);`
/** Rows go by themselves; seconds. */
export const TTL_S = 86_400
