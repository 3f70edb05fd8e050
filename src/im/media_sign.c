/*
 * media_sign.c: addresses that expire, for what stands before the server (docs/decisions/006). The id in one is veiled with the hour it ends, so that who has only
 * that address has nothing when it is over. All who ask within one period get the same. Pure; any thread.
 */
#include <stdlib.h>

#include "base/codec.h"
#include "base/err.h"
#include "im/media.h"

enum { RAW_ID = 16 };

/* Keys of our own out of the server's secret: one veils, one signs. */
static void keys_make(const struct server *server, uint8_t out[32]) {
    hmac(HASH_SHA256, str_of(server->id_key, sizeof server->id_key), STR("addresses of files"), out);
}

static int veil(const uint8_t keys[32], int64_t until_s, struct arena *arena, struct str id, bool off,
                struct str *out) {
    struct str raw;
    if (base64url_decode(arena, id, &raw) || raw.len != RAW_ID) return ERR_INVALID;
    uint8_t block[RAW_ID], mask[RAW_ID] = {0};
    for (int i = 0; i < 8; i++) mask[i] = (uint8_t)(until_s >> (8 * i));
    memcpy(block, raw.p, RAW_ID);
    struct block_cipher *cipher = block_cipher_new(keys);
    for (int i = 0; !off && i < RAW_ID; i++) block[i] ^= mask[i];
    if (off)
        block_decrypt(cipher, block, block);
    else
        block_encrypt(cipher, block, block);
    for (int i = 0; off && i < RAW_ID; i++) block[i] ^= mask[i];
    block_cipher_free(&cipher);
    *out = base64url_encode(arena, str_of(block, RAW_ID));
    return 0;
}

static struct str signature(const uint8_t keys[32], struct arena *arena, struct str veiled, struct str until) {
    uint8_t sum[32];
    hmac(HASH_SHA256, str_of(keys + 16, 16), ARENA_CONCAT(arena, veiled, STR(":"), until), sum);
    return base64url_encode(arena, str_of(sum, RAW_ID));
}

bool media_is_signed(const struct options *o) {
    return o->sign && str_some(o->public_url);
}

struct str media_signed_url(const struct server *server, struct arena *arena, struct str get_id, struct str name,
                            int64_t wall_us) {
    int64_t period_us = server->options.sign_ms * 1000;
    int64_t until_s = (wall_us / period_us + 2) * period_us / 1000000;
    uint8_t keys[32];
    struct str veiled, until = arena_printf(arena, "%lld", (long long)until_s), base = server->options.public_url;
    keys_make(server, keys);
    if (veil(keys, until_s, arena, get_id, false, &veiled)) return STR_NONE;
    while (str_ends(base, STR("/"))) base.len--;
    return ARENA_CONCAT(arena, base, STR("/files/"), veiled, STR("/"), media_percent_encode(arena, name), STR("?e="),
                        until, STR("&s="), signature(keys, arena, veiled, until));
}

int media_signed_read(const struct server *server, struct arena *arena, struct str veiled, struct str query,
                      int64_t wall_us, struct str *out_id, int64_t *out_until_us) {
    struct str until = str_first(query, str_index(query, '&')), sum = str_from(query, until.len + 1);
    unsigned long long until_s;
    if (!str_starts(until, STR("e=")) || !str_starts(sum, STR("s="))) return ERR_NOT_FOUND;
    until = str_from(until, 2);
    sum = str_from(sum, 2);
    uint8_t keys[32];
    keys_make(server, keys);
    struct str right = signature(keys, arena, veiled, until);
    if (sum.len != right.len || !bytes_equal(sum.p, right.p, right.len)) return ERR_DENIED;
    if (!str_to_u64(until, INT64_MAX / 1000000, &until_s) || (int64_t)until_s * 1000000 <= wall_us) return ERR_DENIED;
    *out_until_us = (int64_t)until_s * 1000000;
    return veil(keys, (int64_t)until_s, arena, veiled, true, out_id);
}

struct str media_etag(const struct server *server, struct arena *arena, struct str get_id) {
    if (!media_is_signed(&server->options)) return get_id;
    uint8_t keys[32];
    keys_make(server, keys);
    return signature(keys, arena, get_id, STR("etag"));
}
