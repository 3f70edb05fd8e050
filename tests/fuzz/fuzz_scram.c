/*
 * fuzz_scram.c: no message of a client makes the exchange fall over, and none proves the keys of nobody. With the keys
 * of a known password, a true proof is made for whatever the client said, and must be taken.
 *
 * The first byte holds flags; then the client's first message, a line feed, its last message.
 */
#include "fuzz.h"

#include "base/codec.h"
#include "xmpp/sasl.h"

static const uint8_t secret[16] = {7};

/* What a client that knows the keys would answer; ClientKey is any 20 bytes whose hash is the stored key. */
static struct str true_final(struct arena *arena, const struct scram *s, const struct scram_keys *keys,
                             const uint8_t client_key[20], struct str binding) {
    struct str cb = base64_encode(arena, ARENA_CONCAT(arena, s->gs2, binding));
    struct str bare = ARENA_CONCAT(arena, STR("c="), cb, STR(",r="), s->nonce);
    struct str message = ARENA_CONCAT(arena, s->first_bare, STR(","), s->server_first, STR(","), bare);
    uint8_t proof[HASH_LEN_MAX];
    hmac(HASH_SHA1, str_of(keys->stored, 20), message, proof);
    for (size_t i = 0; i < 20; i++) proof[i] ^= client_key[i];
    return ARENA_CONCAT(arena, bare, STR(",p="), base64_encode(arena, str_of(proof, 20)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len < 1 || len > 4096) return 0;
    struct arena *arena = arena_new();
    struct scram s = {.hash = HASH_SHA1, .plus_offered = data[0] & 1, .plus_chosen = data[0] & 2};
    struct str binding = s.plus_chosen ? STR("channel") : STR_NONE;
    struct scram_keys keys;
    struct str text = str_of(data + 1, len - 1), name, authzid, password, out = STR_NONE;
    size_t split = str_index(text, '\n');
    const uint8_t client_key[20] = {1, 2, 3};
    if (scram_first(&s, arena, str_first(text, split), "5erver", &name, &authzid) == SASL_OK) {
        MUST(str_some(name) && (!authzid.p || authzid.len) && str_ends(s.nonce, STR("5erver")));
        MUST(str_some(scram_binding_type(&s)) == s.plus_chosen);
        scram_fake(HASH_SHA1, secret, name, &keys);
        scram_challenge(&s, arena, &keys, STR(",h=AAAA"));
        MUST(scram_final(&s, arena, &keys, str_from(text, split + 1), binding, &out) != SASL_OK && !out.p);
        hash_bytes(HASH_SHA1, str_of(client_key, 20), keys.stored);
        struct str final = true_final(arena, &s, &keys, client_key, binding);
        MUST(scram_final(&s, arena, &keys, final, binding, &out) == SASL_OK && str_starts(out, STR("v=")));
    }
    scram_done(&s);
    if (plain_read(text, &authzid, &name, &password) == SASL_OK) {
        MUST(name.len && password.len);
        MUST((authzid.p ? authzid.len : 0) + name.len + password.len + 2 == text.len);
    }
    arena_free(&arena);
    return 0;
}
