/*
 * db.h: the driver face of a database: prepared statements by text, values by type. SQLite 3 is behind it now
 * (db_sqlite.c, the only file that includes sqlite3.h); PostgreSQL will be. One struct db is one connection, used by one thread.
 * SQL is portable: positional ?1 ?2 parameters, no SQLite-only functions outside schema files.
 */
#ifndef CONFAB_STORE_DB_H
#define CONFAB_STORE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct db;
struct db_statement; /* cached by the connection under its text's address: pass string constants */

struct db_options {
    const char *path;
    bool read_only;
    bool unchanging;           /* read only, and nobody writes it: neither logs nor locks beside it are looked at */
    bool sync_off;             /* tests/faults only: synchronous=OFF, to prove that the power-cut test notices */
    const char *vfs;           /* NULL: the default; tests give their shim's name */
    uint32_t checkpoint_pages; /* how long a log db_tidy lets be; 0: the default */
    int lock_ms;               /* how long somebody else's lock is waited for; 0: the default */
    int cache_kib;             /* of pages; 0: the default */
    bool
        disposable; /* can be made again: a statement that does not compile means that the file is damaged, not a bug */
};

int db_open(const struct db_options *options, struct db **out);
void db_close(struct db **db);

int db_begin(struct db *db);  /* a read-only connection: one consistent view until the commit */
int db_commit(struct db *db); /* on failure the transaction is rolled back: ERR_FULL or ERR_STORE */
void db_rollback(struct db *db);
/*
 * What may wait until answers are out (SQLite: folding a long log back into the file, in pages). db_untidy: how long the log is when it
 * is too long, else 0. db_fold: of any writing connection, beside the writer's commits; how far it came from the log's beginning. db_tidy: the
 * writer, between its transactions: what is left, if it is untidy.
 */
int db_untidy(const struct db *db);
int db_fold(struct db *db);
void db_tidy(struct db *db);
/* Statements separated by semicolons: migrations. */
int db_script(struct db *db, const char *sql);

/* Reset and ready to bind. Aborts on a statement that does not compile (a bug), returns NULL when the database itself failed:
 * the functions below take that NULL, and db_step and db_run then return ERR_STORE. */
struct db_statement *db_prepare(struct db *db, const char *sql);
/* Positions from 1. Bytes are borrowed until the step. */
void db_bind_int(struct db_statement *s, int at, int64_t value);
void db_bind_text(struct db_statement *s, int at, struct str value); /* STR_NONE: NULL */
void db_bind_blob(struct db_statement *s, int at, struct str value); /* STR_NONE: NULL */
/* 1: a row; 0: no more; ERR_EXISTS: a uniqueness constraint; ERR_FULL; ERR_STORE. */
int db_step(struct db_statement *s);
/* Binds nothing more, runs to the end: 0 or an error. */
int db_run(struct db_statement *s);
/* Who stops before the last row says so, or the connection goes on reading an old state. */
void db_finish(struct db_statement *s);
/* Columns from 0; borrowed until the next step or prepare of the same text. */
int64_t db_int(struct db_statement *s, int column);
struct str db_text(struct db_statement *s, int column); /* STR_NONE for NULL */
struct str db_blob(struct db_statement *s, int column);
/* Rows changed by the last db_run, the rowid it inserted. */
int64_t db_changes(struct db *db);
int64_t db_last_id(struct db *db);
/* Rows changed since the connection was opened: whether something has been changed at all. */
int64_t db_changes_total(struct db *db);
/* Room for bytes to be bound, empty; the next call of this function takes it back. */
struct buf *db_scratch(struct db *db);
/* Pages looked at since the connection was opened, wherever they came from: what a query reads (benchmarks, tests). */
int64_t db_pages_fetched(struct db *db);
/* What it read since it was opened made no sense: the file is damaged, or no database. */
bool db_is_corrupt(const struct db *db);
/* The last error in words, for the log. */
const char *db_message(struct db *db);

/*
 * A copy of what this connection sees, page by page, into a file that is there and empty; the connection is inside a transaction, so that it sees
 * one state, and nobody who writes waits. 1: call again; 0: all is there.
 */
struct db_copy;
int db_copy_begin(struct db *db, const char *path, struct db_copy **out);
int db_copy_step(struct db_copy *copy, int pages); /* ERR_STORE: db_copy_end says what it was */
int db_copy_end(struct db_copy **copy); /* at any time; a copy that is not whole is worth nothing. Not synced. */
bool db_has_table(struct db *db, const char *name);
/* Reads all of it: 0, or ERR_STORE and the first things that are wrong, a line each. Takes time. */
int db_check(struct db *db, struct buf *out_wrong);

/* What a module keeps beside a connection; it is told of transactions. One per connection, owned by whoever sets it. */
struct db_companion {
    void (*began)(struct db_companion *companion);
    void (*ended)(struct db_companion *companion, bool committed);
};
void db_set_companion(struct db *db, struct db_companion *companion);
struct db_companion *db_companion(const struct db *db); /* NULL: none */

#endif
