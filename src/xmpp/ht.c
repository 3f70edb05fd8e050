/*
 * ht.c: HT-SHA-256-*: initiator: authcid NUL HMAC(token, "Initiator" binding); answer: HMAC(token, "Responder" binding). The token's text is
 * the HMAC's key, as other servers and clients have it.
 */
#include "xmpp/ht.h"

#include "base/codec.h"

enum { NAME_MAX = 1023 };

static const char *const names[] = {"HT-SHA-256-NONE", "HT-SHA-256-EXPR", "HT-SHA-256-ENDP"};

struct str ht_name(enum ht_mechanism mechanism) {
    return str_c(names[mechanism]);
}

bool ht_named(struct str name, enum ht_mechanism *out) {
    for (enum ht_mechanism m = 0; m < HT_MECHANISMS; m++) {
        if (!str_eq(name, str_c(names[m]))) continue;
        *out = m;
        return true;
    }
    return false;
}

struct str ht_token(struct arena *arena, const uint8_t key[32], const struct ht_purpose *p) {
    const int64_t numbers[] = {p->account, p->generation, p->client, p->made_us, p->mechanism};
    uint8_t text[sizeof numbers], hash[HASH_LEN_MAX];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)((uint64_t)numbers[i / 8] >> i % 8 * 8);
    hmac(HASH_SHA256, str_of(key, 32), str_of(text, sizeof text), hash);
    struct str token = base64url_encode(arena, str_of(hash, sizeof hash));
    bytes_wipe(hash, sizeof hash);
    return token;
}

bool ht_read(struct str message, struct str *out_name, struct str *out_proof) {
    size_t at = str_index(message, '\0');
    *out_name = str_first(message, at);
    *out_proof = str_from(message, at + 1);
    return at > 0 && at <= NAME_MAX && utf8_valid(*out_name) && out_proof->len == HT_PROOF_LEN;
}

static void ht_sign(struct str token, struct str who, struct str binding, uint8_t out[HT_PROOF_LEN]) {
    uint8_t text[9 + 64];
    size_t len = binding.len <= 64 ? binding.len : 64;
    memcpy(text, who.p, 9);
    if (len) memcpy(text + 9, binding.p, len);
    hmac(HASH_SHA256, token, str_of(text, 9 + len), out);
}

bool ht_check(struct str token, struct str binding, struct str proof) {
    uint8_t expected[HT_PROOF_LEN];
    if (proof.len != HT_PROOF_LEN) return false;
    ht_sign(token, STR("Initiator"), binding, expected);
    return bytes_equal(expected, proof.p, HT_PROOF_LEN);
}

void ht_answer(struct str token, struct str binding, uint8_t out[HT_PROOF_LEN]) {
    ht_sign(token, STR("Responder"), binding, out);
}
