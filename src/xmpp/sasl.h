/*
 * sasl.h: the server's side of SCRAM (RFC 5802, 7677) and PLAIN (RFC 4616) as plain state machines. The caller
 * brings the credentials and does the waiting; no thread blocks here. What is kept of a password are the keys alone.
 */
#ifndef CONFAB_XMPP_SASL_H
#define CONFAB_XMPP_SASL_H

#include "base/arena.h"
#include "base/crypto.h"
#include "base/str.h"

#define SASL_SALT_LEN 16      /* of ours */
#define SASL_SALT_MAX 64      /* of accounts that came from elsewhere */
#define SASL_ITERATIONS 10000 /* for new passwords */

/* One stored form of a password. */
struct scram_keys {
    uint8_t salt[SASL_SALT_MAX];
    uint8_t salt_len;
    uint32_t iterations; /* 0: none stored for this hash */
    uint8_t stored[HASH_LEN_MAX], server[HASH_LEN_MAX];
};

/* Blocks (PBKDF2): workers only. ERR_INVALID: the password is empty, too long or not allowed by SASLprep. Each hash has
 * a salt of its own. */
int scram_derive(enum hash hash, struct str password, const uint8_t salt[SASL_SALT_LEN], unsigned iterations,
                 struct scram_keys *out);
/* The keys from SaltedPassword (RFC 5802), hash_len bytes, which a client has derived with the salt and the iterations in `keys`. */
void scram_keys_from(enum hash hash, const uint8_t *salted, struct scram_keys *keys);
/* The keys of nobody: salt from a keyed hash of the name (the same after a restart), default iterations, keys that
 * nothing proves. */
void scram_fake(enum hash hash, const uint8_t secret[16], struct str name, struct scram_keys *out);

enum sasl_error {
    SASL_OK,
    SASL_MALFORMED, /* malformed-request */
    SASL_INVALID_AUTHZID,
    SASL_NOT_AUTHORIZED,
    SASL_CHANNEL_BINDING, /* y while -PLUS was offered, or a binding that is not: not-authorized for the peer */
};

/* By value, so that it can move with its connection. Start from zero and set the first three; the rest is private. */
struct scram {
    enum hash hash;
    bool plus_offered;       /* the stream's features offered a mechanism with -PLUS */
    bool plus_chosen;        /* the chosen mechanism's name ends in -PLUS */
    struct str nonce;        /* client's + ours, whole; malloc'd by scram_first, freed by scram_done */
    struct str first_bare;   /* likewise */
    struct str server_first; /* likewise, by scram_challenge */
    struct str gs2;          /* likewise */
};

/*
 * client-first-message -> the user name (to be prepared as a local part by the caller) and the authzid (STR_NONE). Both
 * in arena. Names and nonces above SCRAM_PART_MAX bytes are malformed. A nonce of the server is added: `server_nonce`
 * (printable, no comma).
 */
#define SCRAM_PART_MAX 1023
enum sasl_error scram_first(struct scram *s, struct arena *arena, struct str client_first, const char *server_nonce,
                            struct str *out_name, struct str *out_authzid);
/* After scram_first: the type of channel binding that the client names ("tls-exporter"), STR_NONE without -PLUS. */
struct str scram_binding_type(const struct scram *s);
/* server-first-message for these keys (iterations not 0), in arena. extensions: ",x=..." behind it, or empty; they are signed with it. */
struct str scram_challenge(struct scram *s, struct arena *arena, const struct scram_keys *keys, struct str extensions);
/* client-final-message. SASL_OK: proven; *out_server_final is "v=..." in arena. `binding`: the data of the binding that
 * scram_binding_type names, for -PLUS (STR_NONE without). */
enum sasl_error scram_final(struct scram *s, struct arena *arena, const struct scram_keys *keys,
                            struct str client_final, struct str binding, struct str *out_server_final);
void scram_done(struct scram *s); /* idempotent */

/* PLAIN's one message: [authzid] NUL name NUL password. Borrowed from it; authzid STR_NONE when empty. */
enum sasl_error plain_read(struct str message, struct str *out_authzid, struct str *out_name, struct str *out_password);
/* Blocks (PBKDF2): workers only. Whether the password gives the stored key. */
bool scram_check_password(enum hash hash, const struct scram_keys *keys, struct str password);

#endif
