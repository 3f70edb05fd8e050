/*
 * backup_file.h: the bytes of a backup: a database, entries, a trailer (docs/decisions/009-backup.md). For backup.c and the fuzzer.
 *
 *   entry:    kind 1 | length of the name 1 | zero 6 | size 8 | name | bytes
 *   trailer:  magic 16 | made at (microseconds) 8 | database 8 | entries 8 | length of all 8 | flags 4 | schema 4 | zero 8 | SHA-256 32
 *
 * Numbers are little-endian. The SHA-256 is of every byte before it.
 */
#ifndef CONFAB_STORE_BACKUP_FILE_H
#define CONFAB_STORE_BACKUP_FILE_H

#include "base/crypto.h"
#include "store/backup.h"

#define BACKUP_NAME_MAX 64
enum { BACKUP_TRAILER = 96, BACKUP_ENTRY = 16, BACKUP_PIECE = 1 << 20 };
enum { BACKUP_HAS_MEDIA = 1 };
enum backup_kind {
    BACKUP_OWN = 'K',  /* a file of the server's own, in data_dir */
    BACKUP_FILE = 'F', /* of its users */
    BACKUP_GONE = 'G', /* one that the database names and that was deleted meanwhile: no bytes */
    BACKUP_LOST = 'L', /* one that the server should have had: no bytes */
};

struct backup_entry {
    enum backup_kind kind;
    uint64_t size;
    uint8_t name_len;
    char name[BACKUP_NAME_MAX + 1];
};

/* --- writing: at the end of a file that begins with a database --- */

struct backup_out {
    int fd;
    uint64_t at, entries;
    struct hasher *hasher;
    int (*room)(void *arg, uint64_t more); /* asked before each piece; NULL: there is */
    void *arg;
};
/* ERR_FULL, ERR_IO. */
int backup_add(struct backup_out *out, struct str bytes);
int backup_add_entry(struct backup_out *out, enum backup_kind kind, struct str name, uint64_t size);
int backup_add_trailer(struct backup_out *out, const struct backup_facts *facts);

/* --- reading --- */

struct backup_in {
    int fd;
    uint64_t at;           /* the next byte */
    uint64_t end;          /* of the entries */
    uint64_t left;         /* bytes of this entry that were not read */
    uint64_t entries;      /* still to come */
    struct hasher *hasher; /* of all that was read; NULL: nobody wants it */
    uint8_t sum[32];       /* that it should have */
};
/* Reads the trailer alone, and begins behind the database. ERR_INVALID: this is no whole backup; ERR_UNSUPPORTED: another version. */
int backup_begin(int fd, struct backup_in *in, struct backup_facts *out);
/* Reads from the first byte on, for the sum, so far. */
int backup_sum_database(struct backup_in *in, uint64_t database, bool (*stopped)(void));
/* What is left of an entry is passed over. ERR_NOT_FOUND: there are no more. */
int backup_next(struct backup_in *in, struct backup_entry *out);
/* A piece of at most `max` bytes; *out_len 0: that was all. */
int backup_piece(struct backup_in *in, char *out, size_t max, size_t *out_len);
/* Behind the last entry: ERR_INVALID if the sum is another, or something is left over. */
int backup_end(struct backup_in *in);

#endif
