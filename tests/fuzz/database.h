/* database.h: a real database of its own for a fuzz target; nothing of it is left on the disk. */
#ifndef CONFAB_TESTS_FUZZ_DATABASE_H
#define CONFAB_TESTS_FUZZ_DATABASE_H

#include "store/db.h"

struct db *database_new(void);

#endif
