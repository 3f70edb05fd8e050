/*
 * blobs.h: the contents of files, by name. A folder now; an object store can come behind the same face. Who writes claims a name, appends, and
 * seals: only what is sealed can be read, and it never changes. All of this but the _now functions blocks: file threads (STORE_FILE) call it, and readers for what is small.
 *
 *   DIR/open/NAME     half-written
 *   DIR/AB/NAME       sealed; AB: the first two characters
 *
 * Names are of 22 characters of the URL alphabet; whoever calls has made them.
 */
#ifndef CONFAB_STORE_BLOBS_H
#define CONFAB_STORE_BLOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/str.h"

struct blobs;

/* Makes the folders that are missing. reserve: bytes of the file system that stay free for others (the database). */
int blobs_open(struct str dir, uint64_t reserve, struct blobs **out);
void blobs_close(struct blobs **blobs); /* nobody writes any more */

/* --- writing: any thread, one call at a time for a writer --- */

struct blob_writer;
/*
 * Takes the name over from whoever writes it: their next call says ERR_CLOSED, and the offset does not move any more. What was written before
 * is kept; one that was sealed and never owned can be sealed again. ERR_FULL, ERR_IO.
 */
int blob_claim(struct blobs *blobs, struct str name, struct blob_writer **out);
uint64_t blob_offset(const struct blob_writer *w); /* bytes held */
/* After a claim of something half-written its bytes are read again for the hash, some at a time. 1: call again; 0: done. */
int blob_catch_up(struct blob_writer *w);
/* So many bytes more would leave the reserve alone, as things are; ERR_FULL: not so. Nothing is set aside: appends look again. */
int blob_room(struct blob_writer *w, uint64_t more);
/* On failure (ERR_FULL, ERR_IO, ERR_CLOSED) some of it may have been appended: blob_offset says. */
int blob_append(struct blob_writer *w, struct str bytes);
/* From the first byte again. ERR_EXISTS: it is sealed. */
int blob_restart(struct blob_writer *w);
/* On disk under its final name when this returns 0. The writer can do nothing more with it. */
int blob_seal(struct blob_writer *w, uint8_t out_sha256[32]);
/* What it has sealed is half-written again: to be tried later. */
void blob_unseal(struct blob_writer *w);
/* Nobody will own what this writer has written: deletes it, but never what was sealed before its claim. */
void blob_discard(struct blob_writer *w);
/* What was written stays. */
void blob_release(struct blob_writer **w);
/* Somebody holds it claimed. */
bool blob_is_claimed(struct blobs *blobs, struct str name);

/* Half-written or sealed; whoever writes it is cut off. Gone already is no error. */
int blob_delete(struct blobs *blobs, struct str name);

/* --- reading --- */

/* A sealed one; ERR_NOT_FOUND. It can be read to its end even when it is deleted meanwhile. */
int blob_read_open(struct blobs *blobs, struct str name, int *out_handle);
/* The same without waiting for the disk; ERR_AGAIN: it would have to, or this system cannot tell. Any thread. */
int blob_read_open_now(struct blobs *blobs, struct str name, int *out_handle);
/* Exactly len bytes from there; ERR_IO also when there are not so many. */
int blob_read(int handle, uint64_t from, char *out, size_t len);
/* What of it is in memory, without waiting: any thread. ERR_AGAIN: nothing of it, or this system cannot tell. */
int blob_read_now(int handle, uint64_t from, char *out, size_t len, size_t *out_len);
void blob_read_close(int *handle); /* -1 is none */

/* --- start-up --- */

/* Deletes half-written files that nobody owns. */
int blobs_sweep(struct blobs *blobs, bool (*owned)(void *arg, struct str name), void *arg, unsigned *out_deleted);

#endif
