#include <gsasl.h>

#include "base/codec.h"
#include "base/err.h"
#include "unit.h"
#include "xmpp/sasl.h"

/* --- the examples of the RFCs --- */

struct example {
    enum hash hash;
    const char *first, *server_nonce, *salt, *challenge, *final, *server_final;
};

static const struct example examples[] = {
    {HASH_SHA1, "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92",
     "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
     "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
     "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    {HASH_SHA256, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ==",
     "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
     "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
     "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
};

/* RFC 7677 has a salt of our length; that of RFC 5802 is shorter, so its keys are checked by the other side's maths. */
static void rfc7677(void **state) {
    const struct example *e = &examples[1];
    struct scram s = {.hash = e->hash};
    struct scram_keys keys;
    struct str salt, name, authzid, final = STR_NONE;
    assert_int_equal(base64_decode(*state, str_c(e->salt), &salt), 0);
    assert_int_equal(scram_derive(e->hash, STR("pencil"), (const uint8_t *)salt.p, 4096, &keys), 0);
    assert_int_equal(scram_first(&s, *state, str_c(e->first), e->server_nonce, &name, &authzid), SASL_OK);
    assert_str(name, "user");
    assert_absent(authzid);
    assert_str(scram_challenge(&s, *state, &keys, STR("")), e->challenge);
    assert_int_equal(scram_final(&s, *state, &keys, str_c(e->final), STR_NONE, &final), SASL_OK);
    assert_str(final, e->server_final);
    scram_done(&s);
    scram_done(&s);
}

/* Keys from the RFC's own salt; the challenge, which would show 16 bytes, is put in place by hand. */
static void rfc5802(void **state) {
    const struct example *e = &examples[0];
    struct scram s = {.hash = e->hash};
    struct scram_keys keys = {.iterations = 4096};
    struct str salt, name, authzid, final = STR_NONE;
    uint8_t salted[HASH_LEN_MAX], client_key[HASH_LEN_MAX];
    assert_int_equal(base64_decode(*state, str_c(e->salt), &salt), 0);
    pbkdf2(HASH_SHA1, STR("pencil"), salt, 4096, salted);
    hmac(HASH_SHA1, str_of(salted, 20), STR("Client Key"), client_key);
    hash_bytes(HASH_SHA1, str_of(client_key, 20), keys.stored);
    hmac(HASH_SHA1, str_of(salted, 20), STR("Server Key"), keys.server);
    assert_int_equal(scram_first(&s, *state, str_c(e->first), e->server_nonce, &name, &authzid), SASL_OK);
    scram_challenge(&s, *state, &keys, STR(""));
    free((char *)s.server_first.p);
    s.server_first = str_c(strdup(e->challenge));
    assert_int_equal(scram_final(&s, *state, &keys, str_c(e->final), STR_NONE, &final), SASL_OK);
    assert_str(final, e->server_final);
    scram_done(&s);
}

/* --- libgsasl as the client --- */

struct peer {
    const char *name, *password, *authzid;
    const char *cb_exporter; /* base64 */
};

static int on_property(Gsasl *ctx, Gsasl_session *session, Gsasl_property property) {
    const struct peer *peer = gsasl_callback_hook_get(ctx);
    const char *value = property == GSASL_AUTHID          ? peer->name
                        : property == GSASL_PASSWORD      ? peer->password
                        : property == GSASL_AUTHZID       ? peer->authzid
                        : property == GSASL_CB_TLS_UNIQUE ? peer->cb_exporter
                                                          : NULL;
    if (!value) return GSASL_NO_CALLBACK;
    gsasl_property_set(session, property, value);
    return GSASL_OK;
}

struct outcome {
    enum sasl_error error;
    bool client_is_content;
    struct str name, authzid, binding_type;
};

/* A whole exchange; `password` is what the server knows, `binding` what it has. */
static struct outcome exchange(struct arena *arena, const char *mechanism, struct peer *peer, const char *password,
                               struct str binding, bool plus_offered) {
    Gsasl *ctx;
    Gsasl_session *client;
    char *out = NULL;
    struct outcome o = {.error = SASL_OK};
    bool plus = str_ends(str_c(mechanism), STR("-PLUS"));
    struct scram s = {
        .hash = strstr(mechanism, "256") ? HASH_SHA256 : HASH_SHA1, .plus_chosen = plus, .plus_offered = plus_offered};
    struct scram_keys keys;
    uint8_t salt[SASL_SALT_LEN];
    char nonce[23];
    random_bytes(salt, sizeof salt);
    random_id(nonce);
    assert_int_equal(scram_derive(s.hash, str_c(password), salt, 4096, &keys), 0);
    assert_true(scram_check_password(s.hash, &keys, str_c(password)));
    assert_int_equal(gsasl_init(&ctx), GSASL_OK);
    gsasl_callback_set(ctx, on_property);
    gsasl_callback_hook_set(ctx, peer);
    assert_int_equal(gsasl_client_start(ctx, mechanism, &client), GSASL_OK);
    assert_int_equal(gsasl_step64(client, "", &out), GSASL_NEEDS_MORE);
    struct str message, reply = STR_NONE;
    assert_int_equal(base64_decode(arena, str_c(out), &message), 0);
    free(out);
    o.error = scram_first(&s, arena, message, nonce, &o.name, &o.authzid);
    if (!o.error) {
        o.binding_type = arena_dup(arena, scram_binding_type(&s));
        reply = base64_encode(arena, scram_challenge(&s, arena, &keys, STR("")));
        assert_int_equal(gsasl_step64(client, reply.p, &out), GSASL_NEEDS_MORE);
        assert_int_equal(base64_decode(arena, str_c(out), &message), 0);
        free(out);
        o.error = scram_final(&s, arena, &keys, message, binding, &reply);
    }
    if (!o.error) {
        o.client_is_content = gsasl_step64(client, base64_encode(arena, reply).p, &out) == GSASL_OK;
        free(out);
    }
    scram_done(&s);
    gsasl_finish(client);
    gsasl_done(ctx);
    return o;
}

static void gsasl_signs_in(void **state) {
    static const char *const passwords[] = {"pencil",     "p w\"=,",  "gr\xc3\xbc\xc3\x9f",
                                            "I\xc2\xadX", "\xc2\xaa", "x\xc2\xa0y"};
    static const char *const mechanisms[] = {"SCRAM-SHA-1", "SCRAM-SHA-256"};
    for (size_t m = 0; m < 2; m++) {
        for (size_t i = 0; i < sizeof passwords / sizeof passwords[0]; i++) {
            struct peer peer = {"j,u=l", passwords[i], i % 2 ? "other@x" : NULL, NULL};
            struct outcome o = exchange(*state, mechanisms[m], &peer, passwords[i], STR_NONE, false);
            assert_int_equal(o.error, SASL_OK);
            assert_true(o.client_is_content);
            assert_str(o.name, "j,u=l");
            if (i % 2)
                assert_str(o.authzid, "other@x");
            else
                assert_absent(o.authzid);
        }
        struct peer peer = {"juliet", "wrong", NULL, NULL};
        assert_int_equal(exchange(*state, mechanisms[m], &peer, "right", STR_NONE, false).error, SASL_NOT_AUTHORIZED);
    }
}

static void gsasl_binds_the_channel(void **state) {
    static const char *const mechanisms[] = {"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"};
    for (size_t m = 0; m < 2; m++) {
        struct peer peer = {"juliet", "pencil", NULL, "Y2hhbm5lbA=="};
        struct outcome o = exchange(*state, mechanisms[m], &peer, "pencil", STR("channel"), true);
        assert_int_equal(o.error, SASL_OK);
        assert_true(o.client_is_content);
        assert_str(o.binding_type, "tls-unique");
        o = exchange(*state, mechanisms[m], &peer, "pencil", STR("chanNEL"), true);
        assert_int_equal(o.error, SASL_CHANNEL_BINDING);
    }
}

/* --- by hand --- */

static enum sasl_error first(struct arena *arena, const char *message, bool plus_offered, bool plus_chosen,
                             struct str *out_name, struct str *out_authzid) {
    struct scram s = {.plus_offered = plus_offered, .plus_chosen = plus_chosen};
    enum sasl_error error = scram_first(&s, arena, str_c(message), "SERVER", out_name, out_authzid);
    scram_done(&s);
    return error;
}

static void first_messages(void **state) {
    struct str name = STR_NONE, authzid = STR_NONE;
    assert_int_equal(first(*state, "n,a=x=2Cy=3Dz,n=a=3Db=2Cc,r=nonce,ext=1", false, false, &name, &authzid), SASL_OK);
    assert_str(name, "a=b,c");
    assert_str(authzid, "x,y=z");
    static const struct {
        const char *message;
        bool plus_offered, plus_chosen;
        enum sasl_error error;
    } cases[] = {
        {"y,,n=u,r=n", false, false, SASL_OK},
        {"y,,n=u,r=n", true, false, SASL_CHANNEL_BINDING},
        {"n,,n=u,r=n", true, false, SASL_OK},
        {"n,,n=u,r=n", true, true, SASL_CHANNEL_BINDING},
        {"p=tls-exporter,,n=u,r=n", true, true, SASL_OK},
        {"p=tls-exporter,,n=u,r=n", true, false, SASL_CHANNEL_BINDING},
        {"p=,,n=u,r=n", true, true, SASL_MALFORMED},
        {"", 0, 0, SASL_MALFORMED},
        {"n", 0, 0, SASL_MALFORMED},
        {"n,", 0, 0, SASL_MALFORMED},
        {"n,,", 0, 0, SASL_MALFORMED},
        {"n,,n=u", 0, 0, SASL_MALFORMED},
        {"n,,n=u,r=", 0, 0, SASL_MALFORMED},
        {"n,,n=,r=n", 0, 0, SASL_MALFORMED},
        {"n,,r=n,n=u", 0, 0, SASL_MALFORMED},
        {"n,,m=x,n=u,r=n", 0, 0, SASL_MALFORMED},
        {"n,,n=a=b,r=n", 0, 0, SASL_MALFORMED},
        {"n,,n=a=2,r=n", 0, 0, SASL_MALFORMED},
        {"n,,n=a=2c,r=n", 0, 0, SASL_MALFORMED},
        {"n,,n=u\xff,r=n", 0, 0, SASL_MALFORMED},
        {"n,,n=u,r=a b", 0, 0, SASL_MALFORMED},
        {"n,,n=u,r=\xc3\xa9", 0, 0, SASL_MALFORMED},
        {"x,,n=u,r=n", 0, 0, SASL_MALFORMED},
        {"n,x,n=u,r=n", 0, 0, SASL_MALFORMED},
        {"n,a=,n=u,r=n", 0, 0, SASL_MALFORMED},
        {"nn,,n=u,r=n", 0, 0, SASL_MALFORMED},
        {"n,n=u,r=n", 0, 0, SASL_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (first(*state, cases[i].message, cases[i].plus_offered, cases[i].plus_chosen, &name, &authzid) !=
            cases[i].error)
            fail_msg("%s", cases[i].message);
    }
    struct str big = arena_printf(*state, "n,,n=u,r=%01024d", 1);
    assert_int_equal(first(*state, big.p, false, false, &name, &authzid), SASL_MALFORMED);
    assert_str(name, "u");
}

static void final_messages(void **state) {
    static const struct {
        const char *message;
        enum sasl_error error;
    } cases[] = {
        {"", SASL_MALFORMED},
        {"c=biws", SASL_MALFORMED},
        {"p=AAAA", SASL_MALFORMED},
        {",p=AAAA", SASL_MALFORMED},
        {"c=biws,r=abcSERVER", SASL_MALFORMED},
        {"c=biws,r=abcSERVER,p=", SASL_NOT_AUTHORIZED},
        {"c=biws,r=abcSERVER,p=A", SASL_MALFORMED},
        {"c=b,r=abcSERVER,p=AAAA", SASL_MALFORMED},
        {"c=biws,r=abcSERVER,p=AAAA", SASL_NOT_AUTHORIZED},
        {"c=biws,r=abc,p=AAAA", SASL_NOT_AUTHORIZED},
        {"c=eSws,r=abcSERVER,p=AAAA", SASL_CHANNEL_BINDING},
        {"r=abcSERVER,c=biws,p=AAAA", SASL_MALFORMED},
        {"c=biws,r=abcSERVER,p=AAAA,x=1", SASL_MALFORMED},
        {"c=biws,r=abcSERVER,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_NOT_AUTHORIZED},
    };
    struct scram s = {.hash = HASH_SHA1};
    struct scram_keys keys;
    struct str name, authzid, final = STR_NONE;
    const uint8_t secret[16] = {1};
    scram_fake(HASH_SHA1, secret, STR("abc"), &keys);
    assert_int_equal(scram_first(&s, *state, STR("n,,n=u,r=abc"), "SERVER", &name, &authzid), SASL_OK);
    scram_challenge(&s, *state, &keys, STR(""));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (scram_final(&s, *state, &keys, str_c(cases[i].message), STR_NONE, &final) != cases[i].error)
            fail_msg("%s", cases[i].message);
    }
    assert_int_equal(scram_final(&s, *state, &keys, STR("c=biws,r=abcSERVER,p=AAAA"), STR("x"), &final),
                     SASL_CHANNEL_BINDING);
    assert_absent(final);
    scram_done(&s);
}

static void nobodys_keys(void **state) {
    (void)state;
    const uint8_t secret[16] = {1, 2, 3}, other[16] = {3, 2, 1};
    struct scram_keys a, b;
    scram_fake(HASH_SHA256, secret, STR("nobody"), &a);
    scram_fake(HASH_SHA256, secret, STR("nobody"), &b);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(a.iterations, SASL_ITERATIONS);
    scram_fake(HASH_SHA256, secret, STR("somebody"), &b);
    assert_memory_not_equal(a.salt, b.salt, SASL_SALT_LEN);
    scram_fake(HASH_SHA256, other, STR("nobody"), &b);
    assert_memory_not_equal(a.salt, b.salt, SASL_SALT_LEN);
    scram_fake(HASH_SHA1, secret, STR("nobody"), &b);
    assert_memory_not_equal(a.salt, b.salt, SASL_SALT_LEN);
    assert_false(scram_check_password(HASH_SHA256, &a, STR("nobody")));
}

static void passwords(void **state) {
    struct scram_keys keys, again;
    const uint8_t salt[SASL_SALT_LEN] = {0};
    const char *bad[] = {"", "a\x01", "\xff", "\xc2\xad", "\x7f", "a\nb"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(scram_derive(HASH_SHA1, str_c(bad[i]), salt, 1, &keys), ERR_INVALID);
    assert_int_equal(scram_derive(HASH_SHA1, arena_printf(*state, "%01024d", 1), salt, 1, &keys), ERR_INVALID);
    assert_int_equal(scram_derive(HASH_SHA1, STR("IX"), salt, 1, &keys), 0);
    assert_int_equal(scram_derive(HASH_SHA1, STR("I\xc2\xadX"), salt, 1, &again), 0); /* RFC 4013, section 3 */
    assert_memory_equal(keys.stored, again.stored, 20);
    assert_int_equal(scram_derive(HASH_SHA1, STR("\xe2\x85\xa8"), salt, 1, &again), 0);
    assert_memory_equal(keys.stored, again.stored, 20);
    assert_false(scram_check_password(HASH_SHA1, &keys, STR("ix")));
    keys.iterations = 0;
    assert_false(scram_check_password(HASH_SHA1, &keys, STR("IX")));
}

static void plain(void **state) {
    (void)state;
    struct str authzid, name, password;
    assert_int_equal(plain_read(str_of("\0u\0p", 4), &authzid, &name, &password), SASL_OK);
    assert_absent(authzid);
    assert_str(name, "u");
    assert_str(password, "p");
    assert_int_equal(plain_read(str_of("z\0u\0p w", 7), &authzid, &name, &password), SASL_OK);
    assert_str(authzid, "z");
    static const struct str bad[] = {STR_INIT(""),      STR_INIT("u"),        STR_INIT("\0u"),        STR_INIT("\0u\0"),
                                     STR_INIT("\0\0p"), STR_INIT("\0u\0p\0"), STR_INIT("\0u\xff\0p"), STR_INIT("\0\0")};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(plain_read(bad[i], &authzid, &name, &password), SASL_MALFORMED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_arena(rfc7677),        with_arena(rfc5802),
        with_arena(gsasl_signs_in), with_arena(gsasl_binds_the_channel),
        with_arena(first_messages), with_arena(final_messages),
        with_arena(nobodys_keys),   with_arena(passwords),
        with_arena(plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
