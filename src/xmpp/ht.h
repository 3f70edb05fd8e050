/*
 * ht.h: the HT family of SASL mechanisms (draft-schmaus-kitten-sasl-ht-09) that XEP-0484 signs in with: one message with a token's HMAC, one
 * answer; and the tokens, which are derived from what they are for and stand nowhere.
 */
#ifndef CONFAB_XMPP_HT_H
#define CONFAB_XMPP_HT_H

#include "base/arena.h"
#include "base/crypto.h"

/* By what of TLS the proof is bound to the connection: nothing, RFC 9266 (tls-exporter), RFC 5929 (tls-server-end-point). */
enum ht_mechanism { HT_NONE, HT_EXPR, HT_ENDP, HT_MECHANISMS };
enum { HT_PROOF_LEN = 32 };

struct str ht_name(enum ht_mechanism mechanism);
bool ht_named(struct str name, enum ht_mechanism *out);

/* What a token is for: it is good for nothing else. */
struct ht_purpose {
    int64_t account, generation; /* of the account's credentials */
    int64_t client, made_us;
    enum ht_mechanism mechanism;
};
/* In arena. */
struct str ht_token(struct arena *arena, const uint8_t key[32], const struct ht_purpose *purpose);

/* authcid NUL HMAC -> its parts, borrowed; false: malformed. */
bool ht_read(struct str message, struct str *out_name, struct str *out_proof);
/* In constant time. binding: the channel's data, empty for HT_NONE. */
bool ht_check(struct str token, struct str binding, struct str proof);
/* What proves to the client that the server has the token too. */
void ht_answer(struct str token, struct str binding, uint8_t out[HT_PROOF_LEN]);

#endif
