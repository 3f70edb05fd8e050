/*
 * im.h: what all of the heart shares. struct server is made at start and not changed after (but for the TLS context and the
 * limits that SIGHUP swaps); struct im is what one shard has.
 */
#ifndef CONFAB_IM_IM_H
#define CONFAB_IM_IM_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/map.h"
#include "im/acks.h"
#include "im/options.h"
#include "shard/shard.h"
#include "store/store.h"
#include "xml/parser.h"
#include "xmpp/jid.h"

struct account;
struct session;
struct walk;

struct server {
    struct options options;
    struct hub *hub;
    struct store *store;
    uint8_t id_key[16];      /* of archive ids */
    uint8_t salt_secret[16]; /* of the salts of nobody */
    uint8_t token_key[32];   /* tokens are derived from it (xmpp/ht.h) */
    struct xml_limits limits, limits_unauthenticated;
    int64_t started_us;
    struct media *media;         /* uploaded files (im/media.h) */
    struct removal *removal;     /* of archives (im/removal.h) */
    struct retention *retention; /* of messages (im/retention.h) */
    struct search *search;       /* store/search.h */
    struct searching *searching; /* im/search.h */
    atomic_int_fast64_t archive_gone_us;
    atomic_bool importing;                             /* admin/transfer.c */
    atomic_uint exports;                               /* under way to their owners (front/export.c) */
    atomic_uint_fast64_t connections, unauthenticated; /* now, of all gates */
    void *front;                                       /* struct front (front/front.h) */
};

/* What a shard tells other threads (metrics, confabctl stats), a second old at most: name, kind of number, what it is. */
#define IM_COUNTS(X)                                                                                                   \
    X(sessions, "gauge", "Sessions, with those that wait to be resumed")                                               \
    X(accounts, "gauge", "Accounts in memory")                                                                         \
    X(stanzas_in, "counter", "Stanzas that clients sent")                                                              \
    X(stanzas_out, "counter", "Stanzas for clients")                                                                   \
    X(messages_kept, "counter", "Messages that went into archives")                                                    \
    X(messages_delivered, "counter", "Copies of messages handed to sessions")                                          \
    X(logins, "counter", "Streams signed in")                                                                          \
    X(resumes, "counter", "Sessions resumed")

struct im_shown {
#define IM_SHOWN_(name, kind, text) atomic_uint_fast64_t name;
    IM_COUNTS(IM_SHOWN_)
#undef IM_SHOWN_
};

struct im {
    struct shard *shard;
    struct server *server;
    struct map accounts;       /* bare address -> struct account */
    struct link idle_accounts; /* without sessions, oldest first */
    struct link streams;       /* of connections here, bound or not */
    struct link crowd;         /* streams that wait because something is too full, longest first */
    uint32_t crowd_count;
    struct loop_timer sweep;
    uint32_t sweep_at;      /* the session that it looked at last */
    uint32_t debts;         /* made here: makes their ids unique */
    bool stopping;          /* nobody signs in any more */
    struct link debt_queue; /* im/debt.h */
    struct loop_timer debt_timer;
    int64_t debt_wait_ms; /* of the last try */
    /* Sessions by handle. */
    struct session **sessions;
    uint32_t *session_gens;
    uint32_t session_cap, session_free; /* free list through indices */
    uint32_t session_count;
    struct block_cipher *ids;
    struct acks acks;
    struct caps *caps;   /* im/caps.h */
    struct seats *seats; /* im/seats.h */
    void *rooms;         /* features/muc; NULL: it has none in memory */
    struct buf scratch;  /* a stanza on its way to a client: one copy, no allocation */
    /* Counted for stats and metrics. */
    uint64_t stanzas_in, stanzas_out, messages_kept, messages_delivered, logins, resumes;
    struct im_shown shown;
};

/* The heart of one shard: its part of the tables, and the messages that it understands. */
struct im *im_new(struct server *server, struct shard *shard);
void im_free(struct im **im);
/* Copies the counts to `shown`: every second, and for who wants to know it now. */
void im_show(struct im *im);
static inline struct im *im_of(struct turn *turn) {
    return (struct im *)turn->shard->im;
}
/* Handlers for MSG_STANZA, MSG_FAN, MSG_DECIDED, MSG_ADOPT, MSG_PEER_*; front/ fills in the rest. */
extern const msg_handler im_handlers[MSG_TYPES];

static inline struct str server_domain(const struct im *im) {
    return im->server->options.domain;
}

#endif
