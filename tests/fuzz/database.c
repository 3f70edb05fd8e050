#include "database.h"

#include <unistd.h>

#include "fuzz.h"
#include "store/migrate.h"

struct db *database_new(void) {
    char home[] = "/tmp/confab-fuzz-XXXXXX", path[64];
    struct db *db;
    MUST(mkdtemp(home));
    snprintf(path, sizeof path, "%s/c.db", home);
    MUST(db_open(&(struct db_options){.path = path, .sync_off = true}, &db) == 0 && migrate(db) == 0);
    /* It is open: nothing stays behind, whoever ends this. */
    static const char *const files[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/c.db%s", home, files[i]);
        unlink(path);
    }
    rmdir(home);
    return db;
}
