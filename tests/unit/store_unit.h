/* store_unit.h: a database of its own for each test, in a directory that goes with it. */
#ifndef CONFAB_TESTS_STORE_UNIT_H
#define CONFAB_TESTS_STORE_UNIT_H

#include <unistd.h>

#include "unit.h"

#include "base/err.h"
#include "store/db.h"
#include "store/migrate.h"

static char unit_home[64], unit_path[96];

static inline int home_make(void **state) {
    (void)state;
    snprintf(unit_home, sizeof unit_home, "/tmp/confab-unit-XXXXXX");
    if (!mkdtemp(unit_home)) return -1;
    snprintf(unit_path, sizeof unit_path, "%s/c.db", unit_home);
    return 0;
}

static inline int home_remove(void **state) {
    (void)state;
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < 4; i++) {
        char file[128];
        snprintf(file, sizeof file, "%s%s", unit_path, endings[i]);
        unlink(file);
    }
    return rmdir(unit_home);
}

static inline struct db *unit_open(void) {
    struct db *db;
    assert_int_equal(db_open(&(struct db_options){.path = unit_path, .sync_off = true}, &db), 0);
    return db;
}

/* *state: an open, migrated database. */
static inline int db_setup(void **state) {
    if (home_make(state)) return -1;
    struct db *db = unit_open();
    *state = db;
    return migrate(db);
}

static inline int db_teardown(void **state) {
    struct db *db = *state;
    db_close(&db);
    return home_remove(state);
}
#define with_home(test) cmocka_unit_test_setup_teardown(test, home_make, home_remove)
#define with_db(test) cmocka_unit_test_setup_teardown(test, db_setup, db_teardown)

#endif
