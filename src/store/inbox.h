/*
 * inbox.h: what an account's archive says of its conversations (docs/decisions/007-inbox.md): the last message of each, how many are
 * unread, how far its owner has read. A query takes what was written down and goes through the rows that have come since;
 * nothing is kept up while messages come.
 */
#ifndef CONFAB_STORE_INBOX_H
#define CONFAB_STORE_INBOX_H

#include "base/arena.h"
#include "base/map.h"
#include "store/db.h"
#include "xml/node.h"

/* All of it sequences of the owner's archive, but for peer and unread; 0: none. */
struct inbox_conversation {
    int64_t peer;    /* as in archive_rows.peer */
    int64_t newest;  /* the last row that counts */
    int64_t first;   /* the oldest unread */
    int64_t mark;    /* read up to here */
    int64_t changed; /* its newest row of any kind, or the place that the mark took when it moved */
    uint32_t unread;
    bool dirty; /* not as the database has it */
};

/* The conversations of one account, as of a place in its archive. Belongs to whoever made it; one thread at a time. */
struct inbox {
    int64_t account;
    int64_t only;        /* of this peer alone; 0: of all (before the first fold) */
    int64_t upto;        /* all rows up to here are counted */
    int64_t changed;     /* the newest place of a mark */
    int64_t stored_upto; /* what the database had when it was read */
    int64_t gone;        /* set by its maker: rows up to here are not shown any more; 0: none */
    int64_t looks;       /* how many more messages may be looked into for what markers name */
    uint32_t folded;     /* rows counted, and looked into, since it was read */
    bool is_read;
    bool is_vague; /* what a marker names was not found, but there was more to look into */
    struct arena *arena;
    struct map by_peer; /* struct inbox_conversation */
};

struct inbox *inbox_new(int64_t account, int64_t only);
void inbox_free(struct inbox **inbox);

/*
 * Counts rows up to `to`, no more than is a short time's work. *out_more: call again, maybe in another transaction. The database is read
 * by the first call; what is gone is left out by the last. Any connection.
 */
int inbox_fold(struct db *db, struct inbox *inbox, int64_t to, bool *out_more);
/* So much was counted that it should be written down. */
bool inbox_is_worth_writing(const struct inbox *inbox);
/* Writer. Unless somebody else has written since it was read: then that stands. */
int inbox_write(struct db *db, const struct inbox *inbox);

/* What `inbox_mark` found. */
struct inbox_state {
    bool
        is_there; /* false: that conversation has no such visible row (no error: rows may have been put in order, which must not be undone) */
    int64_t mark;
    int64_t unread; /* behind the mark; -1: too much has come to count it here */
    bool moved;
};
/*
 * Writer. The owner has read up to that row of the conversation (`peer`: bare JID); the mark moves forward only. `place`: of the account's order,
 * for this change.
 */
int inbox_mark(struct db *db, int64_t account, struct str peer, int64_t sequence, int64_t place,
               struct inbox_state *out);

/* Writer. The account is being deleted: up to `max` of its conversations; out_more: there may be others. */
int inbox_drop(struct db *db, int64_t account, uint32_t max, bool *out_more);

/* --- inbox_list.c --- */

struct inbox_query {
    int64_t to;     /* as given to inbox_fold */
    int64_t since;  /* only what has changed behind it; 0: all */
    int64_t before; /* only those whose newest row is older; 0: all */
    bool unread_only, messages;
    uint32_t max;
};

enum inbox_tick { INBOX_SENT, INBOX_RECEIVED, INBOX_DISPLAYED };

struct inbox_entry {
    const struct inbox_conversation *conversation;
    enum inbox_tick tick; /* of a last message of one's own */
    struct str peer;      /* bare JID */
    struct str stanza,
        changer; /* the last message, and what corrects or retracts it; STR_NONE: none, or not asked for */
};

struct inbox_totals {
    uint32_t conversations, unread_conversations, matching;
    int64_t unread;
    int64_t state, archive; /* the newest row or mark, and the newest row, up to query.to; 0: none */
    bool complete;
};

/* Entries by their newest row, newest first. each: false to stop behind this one (then complete is false, if there is another). */
int inbox_list(struct db *db, const struct inbox *inbox, const struct inbox_query *query,
               bool (*each)(void *arg, const struct inbox_entry *entry), void *arg, struct inbox_totals *out);

#endif
