/*
 * im.h: what all of the heart shares. struct server is made at start and not changed after (but for the TLS context and the
 * limits that SIGHUP swaps); struct im is what one shard has.
 */
#ifndef CONFAB_IM_IM_H
#define CONFAB_IM_IM_H

#include <stdatomic.h>

#include "base/crypto.h"
#include "base/map.h"
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
    uint8_t id_key[16];     /* of archive ids */
    uint8_t salt_secret[16]; /* of the salts of nobody */
    struct xml_limits limits, limits_unauthenticated;
    int64_t started_us;
    atomic_uint_fast64_t connections, unauthenticated; /* now, of all gates */
    void *front; /* struct front (front/front.h) */
};

struct im {
    struct shard *shard;
    struct server *server;
    struct map accounts; /* bare address -> struct account */
    struct link idle_accounts; /* without sessions, oldest first */
    struct loop_timer sweep;
    /* Sessions by handle. */
    struct session **sessions;
    uint32_t *session_gens;
    uint32_t session_cap, session_free; /* free list through indices */
    uint32_t session_count;
    struct block_cipher *ids;
    struct iq_requests *requests; /* that we sent (im/iq.c) */
    struct link gathers;
    /* Counted for stats and metrics. */
    uint64_t stanzas_in, stanzas_out, messages_kept, messages_delivered, logins, resumes;
};

/* The heart of one shard: its part of the tables, and the messages that it understands. */
struct im *im_new(struct server *server, struct shard *shard);
void im_free(struct im **im);
static inline struct im *im_of(struct turn *turn) {
    return (struct im *)turn->shard->im;
}
/* Handlers for MSG_STANZA, MSG_FAN, MSG_DECIDED, MSG_ADOPT, MSG_PEER_*; front/ fills in the rest. */
extern const msg_handler im_handlers[MSG_TYPES];

static inline struct str server_domain(const struct im *im) {
    return im->server->options.domain;
}

#endif
