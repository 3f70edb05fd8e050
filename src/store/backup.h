/*
 * backup.h: one file that holds a whole server: the database as it was at one moment, the pair of keys that the server made itself, and by choice
 * the files of its users (docs/decisions/009-backup.md). These functions block for as long as it takes and belong to a tool, not to the
 * server: they read its database as any reader would, while it goes on.
 *
 *   database | entries | trailer
 *
 * The database comes first, as SQLite has it, so that it is copied once, straight to its place. An entry is a kind, a name and bytes. The trailer
 * says how long everything is, and a SHA-256 of all before it: what was cut or changed anywhere is no backup.
 */
#ifndef CONFAB_STORE_BACKUP_H
#define CONFAB_STORE_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define BACKUP_DATABASE "confab.db"
/* A database that is being put in place: while it is there, no server starts on that folder. */
#define BACKUP_UNFINISHED BACKUP_DATABASE ".restoring"

struct backup_facts {
    int64_t created_us;
    uint64_t length, database, files, file_bytes; /* bytes of all, of the database; files of users and their bytes */
    uint64_t gone;                                /* files that were deleted while the backup was made */
    uint64_t lost;                                /* files that the server itself did not have any more */
    uint32_t schema;
    bool media;
};

struct backup_job {
    struct str data_dir;       /* not for backup_verify */
    const char *path;          /* of the backup */
    bool media;                /* writing: with the files of users */
    bool force;                /* restoring: a database that is there is put aside */
    uint64_t reserve;          /* writing: bytes of the data's disk that stay free */
    bool (*stopped)(void);     /* asked now and then: true ends it with ERR_CLOSED; NULL: never */
    bool (*in_use)(void *arg); /* restoring: a server runs on that folder */
    void *arg;
    struct buf why; /* on failure: a sentence for people; the caller frees it */
};

/* Writes, reads it all again, and only then gives it its name, which must be free. On failure nothing is left. ERR_EXISTS, ERR_FULL, ERR_CLOSED... */
int backup_write(struct backup_job *job, struct backup_facts *out);
/* All of it: the sum, the database's integrity, each file that the database names. ERR_INVALID: it is damaged; ERR_UNSUPPORTED: newer than this
 * program. */
int backup_verify(struct backup_job *job, struct backup_facts *out);
/* Verifies, then makes data_dir what it was. ERR_EXISTS: there is a database; ERR_AGAIN: a server is running there. */
int backup_restore(struct backup_job *job, struct backup_facts *out);

#endif
