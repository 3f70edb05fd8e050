/* migrate.h: numbered, forward-only changes of the schema (schema/NNNN-name.sql, built into the program). */
#ifndef CONFAB_STORE_MIGRATE_H
#define CONFAB_STORE_MIGRATE_H

#include "store/db.h"

/* Brings the database up to this program's version, each step in a transaction. ERR_UNSUPPORTED: it is newer than the program. */
int migrate(struct db *db);
/* What it was brought up to. */
int migrate_version(struct db *db, int64_t *out);

/* Small values by name (server secrets, keys): created with these bytes when absent, and returned. len <= 64. */
int meta_get_or_create(struct db *db, const char *name, const void *initial, size_t len, void *out);

#endif
