/*
 * signin.h: a client of the generator from connect() to "a ping sent after initial presence was answered", by RFC 6120
 * (any server can be measured with it): STARTTLS or direct TLS or none, SASL PLAIN or SCRAM, bind, stream management,
 * roster, presence.
 */
#ifndef CONFAB_BENCH_SIGNIN_H
#define CONFAB_BENCH_SIGNIN_H

#include "base/crypto.h"
#include "peer.h"

enum signin_tls { SIGNIN_PLAIN, SIGNIN_STARTTLS, SIGNIN_DIRECT };
enum signin_mechanism { SIGNIN_SASL_PLAIN, SIGNIN_SCRAM_SHA_1, SIGNIN_SCRAM_SHA_256 };

struct signin_plan {
    enum signin_tls tls;
    enum signin_mechanism mechanism;
    const char *domain, *password;
    bool sm;      /* XEP-0198, resumable */
    bool roster;  /* ask for it, as apps do */
    bool carbons; /* XEP-0280 */
    bool caps;    /* presence carries entity capabilities */
    bool quiet;   /* no presence: takes no part */
};

/* What PBKDF2 gave, kept by account so that a second sign-in costs the generator nothing. */
struct signin_keys {
    char salt[64];
    unsigned iterations;
    uint8_t client_key[HASH_LEN_MAX];
};

struct client {
    struct peer peer;
    const struct signin_plan *plan;
    char name[32];
    struct signin_keys *keys;
    int state;
    char nonce[24];
    char address[128];           /* full, after bind */
    uint32_t taken, sent, acked; /* stanzas, as XEP-0198 counts */
    uint32_t opening;            /* of those sent: to begin with, before any message */
    int64_t began_us;
    void *user;
    void (*on_ready)(struct client *client);
    /* Every stanza after sign-in but pings' answers; requests for acks are answered before. */
    void (*on_stanza)(struct client *client, struct str stanza);
    void (*on_failed)(struct client *client, struct str why);
};

void client_start(struct client *client);
/* Sends a stanza that XEP-0198 counts. */
void client_send(struct client *client, struct str stanza);
/* </stream:stream> and close. */
void client_end(struct client *client);

#endif
