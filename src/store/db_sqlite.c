/*
 * db_sqlite.c: SQLite 3 behind db.h; the only file of the server that knows it.
 *
 * The database is in WAL mode with synchronous=FULL: a commit is one append to the log and one fdatasync, and when it has
 * returned, it is there after a power cut. Checkpoints are not made inside a commit, where somebody waits for them. Most of one is
 * made by another connection (db_fold), while commits go on; but a log begins anew only when all of it has been folded
 * back, so the writer does the rest (db_tidy), after it has sent its answers.
 *
 * SQLite ends a transaction by itself after some failures (a full disk). Later statements would then commit one by one,
 * so db_step refuses to run inside a transaction that is no more.
 *
 * A connection and its statements are used by one thread. Text and blobs bound are borrowed, not copied.
 */
#include "store/db.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"

#ifndef PAGE_BYTES
#define PAGE_BYTES 4096
#endif
#define CACHE_KIB_WRITER (64 * 1024)
#define CACHE_KIB_READER 80   /* the upper levels of the trees; the kernel holds the rest, once for all readers */
#define CHECKPOINT_PAGES 8000 /* db_tidy folds the log back when it is longer */
#define CHECKPOINT_PAGES_FORCED 64000 /* a commit does it itself: nobody tidies */
#define LOG_KEPT_BYTES (256 * 1024 * 1024)
#define BUSY_TIMEOUT_MS 10000
#define SCRATCH_KEPT (64 * 1024)

struct db_statement {
    const char *sql; /* NULL: an empty slot */
    sqlite3_stmt *stmt;
    struct db *db;
};

struct db {
    sqlite3 *handle;
    struct db_statement **cache; /* open addressing by the address of the text */
    uint32_t cache_count, cache_cap;
    bool read_only;
    bool disposable, corrupt;
    bool in_transaction;          /* as we believe */
    int log_pages, log_pages_max; /* in the WAL after the last commit; so many more, and it should be folded back */
    int log_tidied;  /* how long it was when db_tidy had been at it; a reader may have kept it from beginning anew */
    int logged_code; /* of the failure that the log knows of */
    struct db_companion *companion;
    struct buf scratch;
};

/* --- errors --- */

static bool disk_is_full(sqlite3 *handle, int rc) {
    int system = sqlite3_system_errno(handle);
    return rc == SQLITE_FULL || (rc == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT || system == EFBIG));
}

static bool is_not_unique(int extended) {
    return extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY ||
           extended == SQLITE_CONSTRAINT_ROWID;
}

static bool says_corrupt(const struct db *db, int primary) {
    return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || (db->disposable && primary == SQLITE_ERROR);
}

/* Logs it, unless it is an answer or said already since something last went well; 0 for success. */
static int db_error(struct db *db, int rc, const char *what) {
    if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW) return 0;
    if (is_not_unique(sqlite3_extended_errcode(db->handle))) return ERR_EXISTS;
    int err = disk_is_full(db->handle, rc & 0xff) ? ERR_FULL : ERR_STORE, code = sqlite3_extended_errcode(db->handle);
    if (says_corrupt(db, rc & 0xff)) db->corrupt = true;
    if (code != db->logged_code)
        LOG(LOG_ERROR, "database_failed", F_ERR("as", err), F_INT("code", code),
            F_C("message", sqlite3_errmsg(db->handle)), F_C("at", what));
    db->logged_code = code;
    return err;
}

bool db_is_corrupt(const struct db *db) {
    return db->corrupt;
}

const char *db_message(struct db *db) {
    return sqlite3_errmsg(db->handle);
}

/* --- open and close --- */

static int log_grew(void *arg, sqlite3 *handle, const char *schema, int pages) {
    struct db *db = arg;
    db->log_pages = pages;
    if (pages < db->log_tidied) db->log_tidied = 0;
    if (pages < CHECKPOINT_PAGES_FORCED) return SQLITE_OK;
    sqlite3_wal_checkpoint_v2(handle, schema, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return SQLITE_OK; /* the commit stands, whatever became of the checkpoint */
}

static int db_configure(struct db *db, const struct db_options *options) {
    char sql[256];
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, options->lock_ms ? options->lock_ms : BUSY_TIMEOUT_MS);
    /* Who reads a file from elsewhere reads much of it, and believes little. */
    int cache_kib = options->read_only && !options->unchanging ? CACHE_KIB_READER : CACHE_KIB_WRITER;
    snprintf(sql, sizeof sql, "PRAGMA cache_size=-%d; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;%s",
             options->cache_kib ? options->cache_kib : cache_kib,
             options->unchanging ? " PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;" : "");
    int err = db_script(db, sql);
    if (err || options->read_only) return err;
    snprintf(sql, sizeof sql,
             "PRAGMA page_size=%d; PRAGMA journal_mode=WAL; PRAGMA synchronous=%s; PRAGMA journal_size_limit=%d;",
             PAGE_BYTES, options->sync_off ? "OFF" : "FULL", LOG_KEPT_BYTES);
    err = db_script(db, sql);
    sqlite3_wal_hook(db->handle, log_grew, db);
    return err;
}

/* Once, before the first connection: SQLite counts no bytes, which would be a lock around each malloc. */
static void library_configure(void) {
    static atomic_flag done = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&done)) sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* Every byte that could mean something in an address is written as a number. */
static void uri_of(struct buf *out, const char *path) {
    BUF_ADD_LIT(out, "file:");
    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/';
        if (plain)
            buf_add_char(out, (char)c);
        else
            buf_printf(out, "%%%02x", c);
    }
    buf_add(out, "?immutable=1", sizeof "?immutable=1");
}

int db_open(const struct db_options *options, struct db **out) {
    struct db *db = calloc(1, sizeof *db);
    CHECK(db);
    library_configure();
    CHECK(options->read_only || !options->unchanging);
    db->read_only = options->read_only;
    db->disposable = options->disposable;
    db->log_pages_max = options->checkpoint_pages ? (int)options->checkpoint_pages : CHECKPOINT_PAGES;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                (options->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    struct buf uri = BUF_INIT;
    if (options->unchanging) {
        uri_of(&uri, options->path);
        flags |= SQLITE_OPEN_URI;
    }
    const char *name = options->unchanging ? buf_str(&uri).p : options->path;
    int err = db_error(db, sqlite3_open_v2(name, &db->handle, flags, options->vfs), "open");
    buf_free(&uri);
    if (!err) err = db_configure(db, options);
    if (err) {
        LOG(LOG_ERROR, "database_not_opened", F_C("path", options->path), F_ERR("as", err));
        db_close(&db);
        return err;
    }
    *out = db;
    return 0;
}

void db_close(struct db **db) {
    struct db *d = *db;
    if (!d) return;
    *db = NULL;
    for (uint32_t i = 0; i < d->cache_cap; i++) {
        if (!d->cache[i]) continue;
        sqlite3_finalize(d->cache[i]->stmt);
        free(d->cache[i]);
    }
    free(d->cache);
    buf_free(&d->scratch);
    CHECK(sqlite3_close(d->handle) == SQLITE_OK); /* else a statement was leaked */
    free(d);
}

/* --- transactions --- */

int db_script(struct db *db, const char *sql) {
    return db_error(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL), sql);
}

int db_begin(struct db *db) {
    CHECK(!db->in_transaction);
    int err = db_run(db->read_only ? db_prepare(db, "BEGIN") : db_prepare(db, "BEGIN IMMEDIATE"));
    db->in_transaction = err == 0;
    if (!err && db->companion) db->companion->began(db->companion);
    return err;
}

int db_commit(struct db *db) {
    CHECK(db->in_transaction);
    int err = db_run(db_prepare(db, "COMMIT"));
    if (err) {
        db_rollback(db);
        return err;
    }
    db->in_transaction = false;
    db->logged_code = 0;
    if (db->companion) db->companion->ended(db->companion, true);
    return 0;
}

void db_rollback(struct db *db) {
    db->in_transaction = false; /* first: so that ROLLBACK itself may run */
    if (!sqlite3_get_autocommit(db->handle)) db_script(db, "ROLLBACK");
    if (db->companion) db->companion->ended(db->companion, false);
}

void db_set_companion(struct db *db, struct db_companion *companion) {
    db->companion = companion;
}

struct db_companion *db_companion(const struct db *db) {
    return db->companion;
}

int db_untidy(const struct db *db) {
    return db->log_pages - db->log_tidied < db->log_pages_max ? 0 : db->log_pages;
}

int db_fold(struct db *db) {
    int pages = 0;
    int rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, &pages);
    if (rc != SQLITE_BUSY) db_error(db, rc, "checkpoint");
    return rc == SQLITE_OK ? pages : 0;
}

void db_tidy(struct db *db) {
    if (!db_untidy(db)) return;
    db->log_tidied = db->log_pages; /* whatever comes of it, the next try is as many pages away */
    db_fold(db);
}

/* --- statements --- */

static struct db_statement **cache_slot(struct db_statement **cache, uint32_t cap, const char *sql) {
    uint64_t hash = (uint64_t)(uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t at = (uint32_t)(hash >> 32) & (cap - 1);
    while (cache[at] && cache[at]->sql != sql) at = (at + 1) & (cap - 1);
    return &cache[at];
}

static void cache_grow(struct db *db) {
    uint32_t cap = db->cache_cap ? db->cache_cap * 2 : 128;
    struct db_statement **cache = calloc(cap, sizeof(struct db_statement *));
    CHECK(cache);
    for (uint32_t i = 0; i < db->cache_cap; i++)
        if (db->cache[i]) *cache_slot(cache, cap, db->cache[i]->sql) = db->cache[i];
    free(db->cache);
    db->cache = cache;
    db->cache_cap = cap;
}

static struct db_statement *statement_compile(struct db *db, const char *sql) {
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (rc != SQLITE_OK) {
        db_error(db, rc, sql);
        if ((rc & 0xff) == SQLITE_ERROR && !db->disposable) CHECK_UNREACHABLE("a statement that does not compile");
        return NULL;
    }
    struct db_statement *s = malloc(sizeof *s);
    CHECK(s);
    *s = (struct db_statement){sql, stmt, db};
    return s;
}

struct db_statement *db_prepare(struct db *db, const char *sql) {
    if (db->cache_count * 2 >= db->cache_cap) cache_grow(db);
    struct db_statement **slot = cache_slot(db->cache, db->cache_cap, sql);
    if (!*slot) {
        *slot = statement_compile(db, sql);
        if (*slot) db->cache_count++;
        return *slot;
    }
    sqlite3_reset((*slot)->stmt);
    sqlite3_clear_bindings((*slot)->stmt);
    return *slot;
}

void db_bind_int(struct db_statement *s, int at, int64_t value) {
    if (s) CHECK(sqlite3_bind_int64(s->stmt, at, value) == SQLITE_OK);
}

void db_bind_text(struct db_statement *s, int at, struct str value) {
    if (s && value.p)
        CHECK(sqlite3_bind_text64(s->stmt, at, value.p, value.len, SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK);
}

void db_bind_blob(struct db_statement *s, int at, struct str value) {
    if (s && value.p) CHECK(sqlite3_bind_blob64(s->stmt, at, value.p, value.len, SQLITE_STATIC) == SQLITE_OK);
}

int db_step(struct db_statement *s) {
    if (!s) return ERR_STORE; /* the failure was logged by db_prepare */
    if (s->db->in_transaction && sqlite3_get_autocommit(s->db->handle)) return ERR_STORE;
    int rc = sqlite3_step(s->stmt);
    if (rc == SQLITE_ROW) return 1;
    int err = db_error(s->db, rc, s->sql);
    sqlite3_reset(s->stmt);
    return err;
}

int db_run(struct db_statement *s) {
    int more;
    do more = db_step(s);
    while (more > 0);
    return more;
}

void db_finish(struct db_statement *s) {
    if (s) sqlite3_reset(s->stmt);
}

int64_t db_int(struct db_statement *s, int column) {
    return sqlite3_column_int64(s->stmt, column);
}

static struct str column_bytes(struct db_statement *s, int column, const void *p) {
    if (sqlite3_column_type(s->stmt, column) == SQLITE_NULL) return STR_NONE;
    return str_of(p ? p : "", (size_t)sqlite3_column_bytes(s->stmt, column));
}

struct str db_text(struct db_statement *s, int column) {
    return column_bytes(s, column, sqlite3_column_text(s->stmt, column));
}

struct str db_blob(struct db_statement *s, int column) {
    return column_bytes(s, column, sqlite3_column_blob(s->stmt, column));
}

struct buf *db_scratch(struct db *db) {
    if (buf_cap(&db->scratch) > SCRATCH_KEPT) buf_free(&db->scratch);
    buf_clear(&db->scratch);
    return &db->scratch;
}

int64_t db_changes(struct db *db) {
    return sqlite3_changes64(db->handle);
}

int64_t db_changes_total(struct db *db) {
    return sqlite3_total_changes64(db->handle);
}

int64_t db_last_id(struct db *db) {
    return sqlite3_last_insert_rowid(db->handle);
}

int64_t db_pages_fetched(struct db *db) {
    int hits = 0, misses = 0, high;
    sqlite3_db_status(db->handle, SQLITE_DBSTATUS_CACHE_HIT, &hits, &high, 0);
    sqlite3_db_status(db->handle, SQLITE_DBSTATUS_CACHE_MISS, &misses, &high, 0);
    return (int64_t)hits + misses;
}

/* --- whole databases --- */

struct db_copy {
    sqlite3 *to;
    sqlite3_backup *backup;
};

static int copy_error(struct db_copy *copy, int rc, const char *what) {
    if (rc == SQLITE_OK || rc == SQLITE_DONE) return 0;
    int err = disk_is_full(copy->to, rc & 0xff) ? ERR_FULL : ERR_STORE;
    LOG(LOG_ERROR, "database_not_copied", F_ERR("as", err), F_INT("code", rc), F_C("at", what));
    return err;
}

int db_copy_begin(struct db *db, const char *path, struct db_copy **out) {
    CHECK(db->in_transaction);
    struct db_copy *copy = calloc(1, sizeof *copy);
    CHECK(copy);
    int rc =
        sqlite3_open_v2(path, &copy->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
    /* No journal: a copy that breaks off is thrown away. */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(copy->to,
                          "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; "
                          "PRAGMA cache_size=-4096;",
                          NULL, NULL, NULL);
    if (rc == SQLITE_OK && !(copy->backup = sqlite3_backup_init(copy->to, "main", db->handle, "main")))
        rc = sqlite3_errcode(copy->to);
    int err = copy_error(copy, rc, "begin");
    if (err) {
        db_copy_end(&copy);
        return err;
    }
    *out = copy;
    return 0;
}

int db_copy_step(struct db_copy *copy, int pages) {
    int rc = sqlite3_backup_step(copy->backup, pages);
    return rc == SQLITE_OK ? 1 : rc == SQLITE_DONE ? 0 : ERR_STORE;
}

int db_copy_end(struct db_copy **slot) {
    struct db_copy *copy = *slot;
    if (!copy) return 0;
    *slot = NULL;
    int rc = copy->backup ? sqlite3_backup_finish(copy->backup) : SQLITE_OK;
    int err = copy_error(copy, rc, "end");
    CHECK(sqlite3_close(copy->to) == SQLITE_OK);
    free(copy);
    return err;
}

bool db_has_table(struct db *db, const char *name) {
    struct db_statement *s = db_prepare(db, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1");
    db_bind_text(s, 1, str_c(name));
    int got = db_step(s);
    db_finish(s);
    return got == 1;
}

int db_check(struct db *db, struct buf *out) {
    struct db_statement *s = db_prepare(db, "PRAGMA integrity_check(5)");
    int got;
    bool good = false;
    while ((got = db_step(s)) == 1) {
        struct str line = db_text(s, 0);
        good = str_eq(line, STR("ok"));
        if (good) continue;
        buf_add_str(out, line);
        buf_add_char(out, '\n');
    }
    db_finish(s);
    return got == 0 && good ? 0 : ERR_STORE;
}
