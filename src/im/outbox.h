/*
 * outbox.h: what has been sent to a session's client and may have to be sent again (stream management: until it is acknowledged), or could not
 * be written yet. Stanzas stand in it as wires that all readers share; the bytes of each connection are made only when its socket has
 * room for them, so a slow reader costs no copies, and a stanza for many sessions or a queue that is sent again no long turn.
 */
#ifndef CONFAB_IM_OUTBOX_H
#define CONFAB_IM_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/shard.h"
#include "shard/wire.h"

struct account;
struct session;

struct outbox_item {
    struct wire *wire;
    int64_t sequence; /* of the archive row that it hands over; 0: none */
    uint64_t request; /* a request that somebody waits to have answered: its name; 0: none */
    int64_t added_ms; /* monotonic */
};

/*
 * Zeroed is empty. The first `written` are out on the session's connection and wait for their acknowledgement; the first `late` came before
 * that connection was its own.
 */
struct outbox {
    struct outbox_item *items; /* a ring */
    uint32_t cap, head, count, written, late;
    uint32_t bytes, unwritten_bytes;
};

static inline struct outbox_item *outbox_at(const struct outbox *box, uint32_t i) {
    return &box->items[(box->head + i) % box->cap];
}
static inline bool outbox_is_written(const struct outbox *box) {
    return box->written == box->count;
}

/* At its end; refs the wire. Over the limits of the session or its account somebody's session overflows (it ends when the turn does). */
void outbox_add(struct session *session, struct wire *wire, int64_t sequence);
/* The first; its wire with it. */
void outbox_drop(struct session *session);
/* The first that is not written; there is one. */
void outbox_write_next(struct turn *turn, struct session *session);
/* Writes what waits, as far as the socket has room, for one step; it goes on when there is room, or in the next turn. */
void outbox_flush(struct turn *turn, struct session *session);
/* A new connection: nothing is written. */
void outbox_rewind(struct outbox *box);
/* The session ends: what it holds counts no longer among its account's, or its leaving would end others. */
void outbox_discount(struct session *session);
void outbox_free(struct outbox *box); /* leaves an empty one */
/* More than half of what the session or its account may have waiting waits. */
bool outbox_is_filling(const struct session *session);

/* Too much waits for its client: it ends when the turn does. What it has not acknowledged waits in the archive, or goes elsewhere. */
void outbox_overflow(struct session *session);

#endif
