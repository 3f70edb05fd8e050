/*
 * archive.h: the messages that accounts keep (XEP-0313). A stanza's bytes are stored once; each owner has a small row of its
 * own, keyed by account and sequence. The sequence is made by the owner's home: microseconds since 1970, but strictly rising
 * whatever the clock does, so it is both the order and the time of the message.
 */
#ifndef CONFAB_STORE_ARCHIVE_H
#define CONFAB_STORE_ARCHIVE_H

#include "base/arena.h"
#include "store/db.h"

enum {
    ARCHIVE_OUT = 1 /* the owner sent it */,
    ARCHIVE_OFFLINE = 2 /* counts as a message to hand over when offline (has a body or payload) */,
    ARCHIVE_HIDDEN = 4 /* kept for its delivery alone ([archive] default): not in queries, goes when handed over */,
    ARCHIVE_COUNTS = 8 /* a message in its own right: has a body or payload and is not about another (store/inbox.h) */,
    ARCHIVE_MARKER = 16, /* with ARCHIVE_OUT: says that the owner has seen a message (XEP-0333) */
    /* In no row: what is to be done when it is added. */
    ARCHIVE_CORRECTION = 32 /* archive_correct() */,
    ARCHIVE_RETRACTION = 64 /* archive_retract() */,
    ARCHIVE_ON_THE_WAY = ARCHIVE_CORRECTION | ARCHIVE_RETRACTION
};

struct archive_owner {
    int64_t account; /* 0: no row (not a local account, or keeps none) */
    int64_t sequence;
    struct str peer; /* bare JID of the other side */
    unsigned flags;
};

struct archive_entry {
    struct archive_owner out, in; /* out: the sender's row, in: the recipient's; to oneself: only `in` */
    uint64_t origin;              /* hash of the sender's origin-id (or id) with the peer; 0: none to compare */
    uint64_t about;               /* the same hash of the id that a correction or retraction names; 0: neither */
    struct str stanza;            /* the element, serialised, with xmlns; without stanza-id */
};

/*
 * Both rows and the bytes, once. ERR_EXISTS when the sender's archive has this origin with this peer already: nothing is changed.
 * For a message to oneself origin is compared in `in`.
 */
int archive_add(struct db *db, const struct archive_entry *entry);
/* entry: a correction (XEP-0308) that has just been added: whoever retracts what it corrects takes back this too. */
int archive_correct(struct db *db, const struct archive_entry *entry);
/*
 * entry: a retraction (XEP-0424) that has just been added. What its author sent in this conversation under the id that it names becomes a
 * tombstone, in both archives, and so do its corrections, the hundred newest: places, flags and origins stay. By its origin-id a message is found
 * however old it is; one without, or with another id, among the last rows of the conversation. What is not found, or not theirs, is left alone: 0.
 */
int archive_retract(struct db *db, const struct archive_entry *entry);
/* A message to that address under that id (of its sender's making); never 0 but for an empty id. */
uint64_t archive_origin_hash(struct arena *arena, const uint8_t key[16], struct str to_bare, struct str id);
/* As an account's archive_origins knows it: the one that has the origins of a message with these owners. For archive_retract.c. */
int64_t archive_origin_key(const struct archive_entry *entry, uint64_t hash);

struct archive_query {
    int64_t account;
    int64_t from, to;         /* sequences, inclusive; 0: open */
    struct str with;          /* bare JID of the peer; STR_NONE: all */
    struct str with_resource; /* full JID asked for: the stanza's own from/to must match (scanned); STR_NONE */
    int64_t after, before;    /* exclusive; 0: none */
    const int64_t *ids;       /* only these sequences, rising; NULL: all */
    uint32_t ids_count;
    bool backwards; /* from the end of the range: its last `max`, newest first */
    uint32_t max;
    bool offline; /* only rows with ARCHIVE_OFFLINE (they came in, be it from oneself), hidden ones too */
    /* with_resource only: a thousand rows are looked at, then this says which was the last: go on behind (before) it. 0: no need
     * to. NULL: all at once, however long it takes. */
    int64_t *looked;
};

struct archive_row {
    int64_t sequence;
    unsigned flags;
    struct str peer, stanza;
};

/* Each row in the query's direction; *out_complete: nothing lies beyond the page. each: false when it has enough. */
int archive_query(struct db *db, const struct archive_query *query,
                  bool (*each)(void *arg, const struct archive_row *row), void *arg, bool *out_complete);
/* The sequences that a query is about, both inclusive; none when the first is behind the last. */
void archive_range(const struct archive_query *query, int64_t *out_first, int64_t *out_last);
/* ERR_NOT_FOUND when this account has no visible row of that sequence. */
int archive_has(struct db *db, int64_t account, int64_t sequence);
/* How many match, at most `limit` (the cost is bounded by it, but for with_resource: see looked). */
int archive_count(struct db *db, const struct archive_query *query, uint32_t limit, uint32_t *out);
/* Highest sequence that the account has or had (its offline mark counts: what was hidden is gone; so do the places of read marks), 0 for none. */
int archive_last(struct db *db, int64_t account, int64_t *out);
/* Rows to hand over behind the mark (see offline): how many, at most limit. */
int archive_offline_count(struct db *db, int64_t account, int64_t mark, uint32_t limit, uint32_t *out);
/* Exceptions: single sequences at or below the mark that must be handed over again (a session died before it acknowledged them). */
int archive_owe_again(struct db *db, int64_t account, const int64_t *sequences, size_t count);
int archive_owed_again_done(struct db *db, int64_t account, const int64_t *sequences, size_t count);
int archive_owed_again_each(struct db *db, int64_t account, bool (*each)(void *arg, const struct archive_row *row),
                            void *arg);
/* Up to `max` (256 at most) hidden rows at or below the mark go, but for those that are owed again; out_more: there may be others. */
int archive_drop_hidden(struct db *db, int64_t account, int64_t mark, uint32_t max, bool *out_more);
/* The account is being deleted: up to `max` of its rows go, the oldest first; out_more: there are others. */
int archive_drop(struct db *db, int64_t account, uint32_t max, bool *out_more);

#endif
