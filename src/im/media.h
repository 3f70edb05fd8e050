/*
 * media.h: uploaded files as a service: where they are, what their addresses are, and how they go. Made at start; the counts may be read and
 * added to by any thread.
 */
#ifndef CONFAB_IM_MEDIA_H
#define CONFAB_IM_MEDIA_H

#include "im/im.h"
#include "store/blobs.h"
#include "store/slots.h"

/* Name, kind of number, what it is: metrics and confabctl stats. */
#define MEDIA_COUNTS(X)                                                                                                \
    X(files, "gauge", "Uploaded files that are kept; equal ones count once")                                           \
    X(file_bytes, "gauge", "Their bytes")                                                                              \
    X(file_slots, "gauge", "Addresses that they have")                                                                 \
    X(uploads, "gauge", "Uploads under way")                                                                           \
    X(uploads_total, "counter", "Uploads completed")                                                                   \
    X(upload_bytes_total, "counter", "Bytes of files received")                                                        \
    X(download_bytes_total, "counter", "Bytes of files sent")

struct media {
    struct server *server;
    struct blobs *blobs;
    struct loop_timer timer;                  /* of the first shard */
    bool at_work;                             /* what it started is not back yet */
    atomic_uint_fast64_t removals;            /* how often slots were removed that had not expired */
    struct file_memory *memories[PLACES_MAX]; /* of each shard, its own (front/media_files.c) */
    atomic_bool hurried;                      /* and was told to go off soon */
#define MEDIA_COUNT_(name, kind, text) atomic_uint_fast64_t name;
    MEDIA_COUNTS(MEDIA_COUNT_)
#undef MEDIA_COUNT_
};

/* Start-up, when the places are there and do not run: opens the folder and deletes what nobody owns. */
int media_new(struct server *server, struct media **out);
void media_free(struct media **media);

/* Files may have died: a round soon. Any shard. */
void media_hurry(struct turn *turn, struct media *media);
/* Slots have been removed (committed, not yet answered): nobody goes by what they remember of any. */
void media_removed(struct turn *turn, struct media *media);

/* This server listens to HTTP at all. */
bool media_is_served(const struct options *options);
/* Of this server's HTTP, without a slash at its end. */
struct str media_base_url(const struct server *server, struct arena *arena);
/* The addresses of a slot. name: any text; it is percent-encoded. */
struct str media_put_url(const struct server *server, struct arena *arena, struct str secret, struct str name);
struct str media_get_url(const struct server *server, struct arena *arena, struct str get_id, struct str name);
/* RFC 3986: all but unreserved characters as %XX. */
struct str media_percent_encode(struct arena *arena, struct str text);

/* --- media_sign.c: addresses that expire --- */
/* [media] sign and public_url: what lasts is the address here, which sends on to one there. */
bool media_is_signed(const struct options *options);
/* Of that file, the same for all who ask within one period; STR_NONE: the id is none. */
struct str media_signed_url(const struct server *server, struct arena *arena, struct str get_id, struct str name,
                            int64_t wall_us);
/* 0: the true id, and when the address ends. ERR_NOT_FOUND: it is not signed; ERR_DENIED, ERR_INVALID: not by us, or it has ended. */
int media_signed_read(const struct server *server, struct arena *arena, struct str veiled, struct str query,
                      int64_t wall_us, struct str *out_id, int64_t *out_until_us);
/* Of SLOT_ID_LEN characters. Where addresses are signed it does not tell the id. */
struct str media_etag(const struct server *server, struct arena *arena, struct str get_id);

#endif
