/* archive_index.h: the order of each owner's messages, kept up lazily. For archive.c, and worker.c, which attaches it. */
#ifndef CONFAB_STORE_ARCHIVE_INDEX_H
#define CONFAB_STORE_ARCHIVE_INDEX_H

#include <stdatomic.h>

#include "store/archive.h"
#include "store/db.h"

#define ARCHIVE_BUCKETS 4096

/* What the writer's connection tells those that read: which accounts have messages that are not in order yet. */
struct archive_shared {
    atomic_uint late[ARCHIVE_BUCKETS]; /* rows, by account */
    atomic_uint_fast64_t epoch;        /* rises whenever rows come into order */
    uint32_t rows_max;                 /* how many may be late; 0: the default */
};

struct archive_index;

/*
 * Gives a connection an index that is late; without it every message is put in order at once, which is right but dear.
 * The writer: `settle` NULL; brings into order what a crash left, so it may take a second. A reader: `settle` asks the writer to
 * call archive_index_ready for that account and returns when that is committed.
 */
int archive_index_attach(struct db *db, struct archive_shared *shared, int (*settle)(void *arg, int64_t account),
                         void *arg);
/* The writer: everything into order first. Harmless on a connection that has none. */
void archive_index_detach(struct db *db);

/* Within a writer's transaction, before its commit: keeps what is late within bounds. */
int archive_index_tidy(struct db *db);
/* All rows of this account can be read from the tables after this. */
int archive_index_ready(struct db *db, int64_t account);

/* A message that is new: its id, and rows for its owners and its origin (0: none). */
int archive_index_next_id(struct db *db, int64_t *out);
int archive_index_add(struct db *db, const struct archive_owner *owner, int64_t origin, int64_t id);
/* ERR_EXISTS when the account has sent it: the message (0: not known, or it is gone since, or none). */
int archive_index_find_origin(struct db *db, int64_t account, int64_t origin, int64_t *out_message);

/* As in archive_rows.peer. */
int64_t archive_peer_hash(struct str peer);

#endif
