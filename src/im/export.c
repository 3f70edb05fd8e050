/*
 * export.c: the address says whose export it is, of which credentials, and when it ends, signed with a key of this server: nothing is remembered. Whoever
 * has it can read the account: it is short-lived, and told to nobody but a session of that account.
 */
#include "im/export.h"

#include "base/codec.h"
#include "base/err.h"
#include "im/media.h"

enum { NUMBERS = 16, SUM = 32 };

static void sign(const struct server *server, struct str facts, uint8_t out[SUM]) {
    uint8_t key[SUM];
    hmac(HASH_SHA256, str_of(server->id_key, sizeof server->id_key), STR("addresses of exports"), key);
    hmac(HASH_SHA256, str_of(key, sizeof key), facts, out);
    bytes_wipe(key, sizeof key);
}

struct str export_url(const struct server *server, struct arena *arena, const struct export_right *right) {
    uint8_t numbers[NUMBERS], sum[SUM];
    memcpy(numbers, &right->until_us, 8);
    memcpy(numbers + 8, &right->generation, 8);
    struct str facts = ARENA_CONCAT(arena, str_of(numbers, sizeof numbers), right->bare);
    sign(server, facts, sum);
    struct str local = str_first(right->bare, str_index(right->bare, '@'));
    return ARENA_CONCAT(arena, media_base_url(server, arena), STR("/export/"), base64url_encode(arena, facts), STR("."),
                        base64url_encode(arena, str_of(sum, sizeof sum)), STR("/"), media_percent_encode(arena, local),
                        STR(".xml"));
}

int export_read(const struct server *server, struct arena *arena, struct str path, int64_t now_us,
                struct export_right *out) {
    struct str token = str_first(path, str_index(path, '/'));
    struct str text = str_first(token, str_index(token, '.')), facts, given;
    if (base64url_decode(arena, text, &facts) || facts.len <= NUMBERS) return ERR_NOT_FOUND;
    if (base64url_decode(arena, str_from(token, text.len + 1), &given) || given.len != SUM) return ERR_NOT_FOUND;
    uint8_t sum[SUM];
    sign(server, facts, sum);
    if (!bytes_equal(sum, given.p, SUM)) return ERR_NOT_FOUND;
    memcpy(&out->until_us, facts.p, 8);
    memcpy(&out->generation, facts.p + 8, 8);
    out->bare = str_from(facts, NUMBERS);
    return out->until_us > now_us ? 0 : ERR_DENIED;
}
