/*
 * sasl.c: SCRAM's server side and PLAIN. Names follow RFC 5802: AuthMessage is what both sides sign, StoredKey is what
 * we keep, ServerKey is how we prove that we keep it. A failed proof and an unknown user look alike: the caller goes
 * the same way with scram_fake's keys.
 *
 * The exchange is plain and cheap, on the gates; what ends in PBKDF2 (scram_derive, scram_check_password) is for
 * workers. What must hold: a client proves the very exchange that we saw, so its first message, our answer and the GS2
 * header are kept byte for byte. Secrets on the stack are wiped.
 */
#include "xmpp/sasl.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "xmpp/precis.h"

#define PASSWORD_MAX 1023

static struct str heap_dup(struct str s) {
    char *p = malloc(s.len + 1);
    CHECK(p);
    if (s.len) memcpy(p, s.p, s.len);
    p[s.len] = '\0';
    return (struct str){p, s.len};
}

static void heap_free(struct str *s) {
    free((void *)(uintptr_t)s->p); /* ours, from heap_dup */
    *s = STR_NONE;
}

/* --- keys --- */

static bool is_printable_ascii(struct str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < 0x20 || s.p[i] > 0x7e) return false;
    }
    return true;
}

void scram_keys_from(enum hash hash, const uint8_t *salted, struct scram_keys *keys) {
    uint8_t client_key[HASH_LEN_MAX];
    size_t len = hash_len(hash);
    hmac(hash, str_of(salted, len), STR("Client Key"), client_key);
    hash_bytes(hash, str_of(client_key, len), keys->stored);
    hmac(hash, str_of(salted, len), STR("Server Key"), keys->server);
    bytes_wipe(client_key, sizeof client_key);
}

static void derive(enum hash hash, struct str prepared, struct scram_keys *keys) {
    uint8_t salted[HASH_LEN_MAX];
    pbkdf2(hash, prepared, str_of(keys->salt, keys->salt_len), keys->iterations, salted);
    scram_keys_from(hash, salted, keys);
    bytes_wipe(salted, sizeof salted);
}

static int derive_with(enum hash hash, struct str password, struct str salt, unsigned iterations,
                       struct scram_keys *out) {
    struct scram_keys keys = {.salt_len = (uint8_t)salt.len, .iterations = iterations};
    if (password.len == 0 || password.len > PASSWORD_MAX) return ERR_INVALID;
    memcpy(keys.salt, salt.p, salt.len);
    if (is_printable_ascii(password)) {
        derive(hash, password, &keys);
    } else {
        struct arena *arena = arena_new();
        struct str prepared;
        int err = precis_password(arena, password, PASSWORD_MAX, &prepared);
        if (!err) {
            derive(hash, prepared, &keys);
            bytes_wipe((void *)(uintptr_t)prepared.p, prepared.len);
        }
        arena_free(&arena);
        if (err) return err;
    }
    *out = keys;
    return 0;
}

int scram_derive(enum hash hash, struct str password, const uint8_t salt[SASL_SALT_LEN], unsigned iterations,
                 struct scram_keys *out) {
    return derive_with(hash, password, str_of(salt, SASL_SALT_LEN), iterations, out);
}

bool scram_check_password(enum hash hash, const struct scram_keys *keys, struct str password) {
    struct scram_keys own;
    struct str salt = str_of(keys->salt, keys->salt_len);
    if (keys->iterations == 0 || derive_with(hash, password, salt, keys->iterations, &own)) return false;
    return bytes_equal(own.stored, keys->stored, hash_len(hash));
}

/* One keyed hash a purpose, cut to `len`. */
static void fake_part(enum hash hash, const uint8_t secret[16], const char *purpose, struct str name, uint8_t *out,
                      size_t len) {
    uint8_t first[HASH_LEN_MAX], whole[HASH_LEN_MAX];
    char text[32];
    size_t text_len = (size_t)snprintf(text, sizeof text, "%s %zu", purpose, hash_len(hash));
    hmac(HASH_SHA256, str_of(secret, 16), str_of(text, text_len), first);
    hmac(HASH_SHA256, str_of(first, sizeof first), name, whole);
    memcpy(out, whole, len);
}

void scram_fake(enum hash hash, const uint8_t secret[16], struct str name, struct scram_keys *out) {
    *out = (struct scram_keys){.salt_len = SASL_SALT_LEN, .iterations = SASL_ITERATIONS};
    fake_part(hash, secret, "salt", name, out->salt, SASL_SALT_LEN);
    fake_part(hash, secret, "stored", name, out->stored, hash_len(hash));
    fake_part(hash, secret, "server", name, out->server, hash_len(hash));
}

/* --- messages: attributes divided by commas --- */

/* Takes what stands before the next comma, and the comma. */
static struct str take_field(struct str *rest) {
    size_t len = str_index(*rest, ',');
    struct str field = str_first(*rest, len);
    *rest = str_from(*rest, len + 1);
    return field;
}

/* The value of "c=value"; STR_NONE when the field is another. */
static struct str field_value(struct str field, char c) {
    if (field.len < 2 || field.p[0] != c || field.p[1] != '=') return STR_NONE;
    return str_from(field, 2);
}

/* saslname: =2C is a comma, =3D an equals sign, no other equals sign. Not empty, UTF-8, no NUL. */
static bool saslname_read(struct arena *arena, struct str in, struct str *out) {
    if (in.len == 0 || in.len > SCRAM_PART_MAX || !utf8_valid(in) || memchr(in.p, '\0', in.len)) return false;
    char *p = arena_alloc(arena, in.len + 1), *at = p;
    while (in.len) {
        bool comma = str_starts(in, STR("=2C"));
        if (in.p[0] == '=' && !comma && !str_starts(in, STR("=3D"))) return false;
        *at++ = comma ? ',' : in.p[0];
        in = str_from(in, in.p[0] == '=' ? 3 : 1);
    }
    *at = '\0';
    *out = (struct str){p, (size_t)(at - p)};
    return true;
}

static bool is_nonce(struct str s) {
    if (s.len == 0 || s.len > SCRAM_PART_MAX) return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < 0x21 || s.p[i] > 0x7e || s.p[i] == ',') return false;
    }
    return true;
}

/* gs2-cbind-flag: whether what the client thinks of channel binding fits what was offered and chosen. */
static enum sasl_error flag_check(const struct scram *s, struct str flag) {
    struct str binding = field_value(flag, 'p');
    if (binding.p) {
        if (binding.len == 0) return SASL_MALFORMED;
        return s->plus_chosen ? SASL_OK : SASL_CHANNEL_BINDING;
    }
    if (!str_eq(flag, STR("n")) && !str_eq(flag, STR("y"))) return SASL_MALFORMED;
    if (s->plus_chosen) return SASL_CHANNEL_BINDING;
    /* "I could, but you did not offer it": somebody took the offer away. */
    return flag.p[0] == 'y' && s->plus_offered ? SASL_CHANNEL_BINDING : SASL_OK;
}

enum sasl_error scram_first(struct scram *s, struct arena *arena, struct str client_first, const char *server_nonce,
                            struct str *out_name, struct str *out_authzid) {
    struct str rest = client_first, name, authzid = STR_NONE;
    struct str flag = take_field(&rest), on_behalf = take_field(&rest);
    struct str gs2 = str_first(client_first, (size_t)(rest.p - client_first.p)), bare = rest;
    enum sasl_error error = flag_check(s, flag);
    if (error) return error;
    if (on_behalf.len && !saslname_read(arena, field_value(on_behalf, 'a'), &authzid)) return SASL_MALFORMED;
    if (!saslname_read(arena, field_value(take_field(&rest), 'n'), &name)) return SASL_MALFORMED;
    struct str nonce = field_value(take_field(&rest), 'r');
    if (!is_nonce(nonce)) return SASL_MALFORMED;
    scram_done(s);
    s->nonce = heap_dup(ARENA_CONCAT(arena, nonce, str_c(server_nonce)));
    s->first_bare = heap_dup(bare);
    s->gs2 = heap_dup(gs2);
    *out_name = name;
    *out_authzid = authzid;
    return SASL_OK;
}

struct str scram_binding_type(const struct scram *s) {
    struct str gs2 = s->gs2;
    return field_value(take_field(&gs2), 'p');
}

struct str scram_challenge(struct scram *s, struct arena *arena, const struct scram_keys *keys, struct str extensions) {
    CHECK(str_some(s->nonce) && keys->iterations > 0);
    struct str salt = base64_encode(arena, str_of(keys->salt, keys->salt_len));
    struct str text = arena_printf(arena, "r=%.*s,s=%.*s,i=%u%.*s", STR_FMT(s->nonce), STR_FMT(salt), keys->iterations,
                                   STR_FMT(extensions));
    heap_free(&s->server_first);
    s->server_first = heap_dup(text);
    return text;
}

/* Whether H(ClientProof xor HMAC(StoredKey, AuthMessage)) is StoredKey. */
static bool is_proof(enum hash hash, const struct scram_keys *keys, struct str auth_message, struct str proof) {
    uint8_t key[HASH_LEN_MAX], stored[HASH_LEN_MAX];
    size_t len = hash_len(hash);
    if (proof.len != len) return false;
    hmac(hash, str_of(keys->stored, len), auth_message, key);
    for (size_t i = 0; i < len; i++) key[i] ^= (uint8_t)proof.p[i];
    hash_bytes(hash, str_of(key, len), stored);
    bytes_wipe(key, sizeof key);
    return bytes_equal(stored, keys->stored, len);
}

/* client-final-message in its parts. */
struct final {
    struct str without_proof, binding, nonce, proof;
};

static bool final_read(struct arena *arena, struct str text, struct final *out) {
    struct str rest = text;
    size_t proof_at = text.len;
    while (proof_at > 0 && text.p[proof_at - 1] != ',') proof_at--;
    if (proof_at == 0) return false;
    out->without_proof = str_first(text, proof_at - 1);
    out->binding = field_value(take_field(&rest), 'c');
    out->nonce = field_value(take_field(&rest), 'r');
    struct str proof = field_value(str_from(text, proof_at), 'p');
    if (!out->binding.p || !out->nonce.p || !proof.p) return false;
    return base64_decode(arena, out->binding, &out->binding) == 0 && base64_decode(arena, proof, &out->proof) == 0;
}

enum sasl_error scram_final(struct scram *s, struct arena *arena, const struct scram_keys *keys,
                            struct str client_final, struct str binding, struct str *out_server_final) {
    struct final f;
    CHECK(str_some(s->server_first));
    if (!final_read(arena, client_final, &f)) return SASL_MALFORMED;
    if (s->plus_chosen != (binding.p != NULL)) return SASL_CHANNEL_BINDING;
    if (!str_eq(f.binding, ARENA_CONCAT(arena, s->gs2, binding))) return SASL_CHANNEL_BINDING;
    if (!str_eq(f.nonce, s->nonce)) return SASL_NOT_AUTHORIZED;
    struct str auth_message = ARENA_CONCAT(arena, s->first_bare, STR(","), s->server_first, STR(","), f.without_proof);
    if (keys->iterations == 0 || !is_proof(s->hash, keys, auth_message, f.proof)) return SASL_NOT_AUTHORIZED;
    uint8_t signature[HASH_LEN_MAX];
    hmac(s->hash, str_of(keys->server, hash_len(s->hash)), auth_message, signature);
    struct str encoded = base64_encode(arena, str_of(signature, hash_len(s->hash)));
    *out_server_final = ARENA_CONCAT(arena, STR("v="), encoded);
    return SASL_OK;
}

void scram_done(struct scram *s) {
    heap_free(&s->nonce);
    heap_free(&s->first_bare);
    heap_free(&s->server_first);
    heap_free(&s->gs2);
}

/* --- PLAIN --- */

enum sasl_error plain_read(struct str message, struct str *out_authzid, struct str *out_name,
                           struct str *out_password) {
    size_t first = str_index(message, '\0');
    struct str authzid = str_first(message, first), rest = str_from(message, first + 1);
    size_t second = str_index(rest, '\0');
    struct str name = str_first(rest, second), password = str_from(rest, second + 1);
    if (first == message.len || second == rest.len || !utf8_valid(message)) return SASL_MALFORMED;
    if (name.len == 0 || password.len == 0 || memchr(password.p, '\0', password.len)) return SASL_MALFORMED;
    *out_authzid = authzid.len ? authzid : STR_NONE;
    *out_name = name;
    *out_password = password;
    return SASL_OK;
}
