/* ht_test.c: the HT mechanisms and derived tokens against figures of Python's hmac; what is malformed; no token fits another purpose. */
#include "unit.h"

#include "base/codec.h"
#include "xmpp/ht.h"

static const struct ht_purpose purpose = {7, 3, -2, 1700000000000000, HT_NONE};

static struct str token_for(struct arena *arena, const struct ht_purpose *p) {
    uint8_t key[32];
    for (uint8_t i = 0; i < 32; i++) key[i] = i;
    return ht_token(arena, key, p);
}

static void tokens(void **state) {
    assert_str(token_for(*state, &purpose), "IJvSZIvIdu24V8h5DT1hDXH9eObmqx_Tz9A9i6y59VU");
    struct ht_purpose others[] = {purpose, purpose, purpose, purpose, purpose};
    others[0].account++;
    others[1].generation++;
    others[2].client++;
    others[3].made_us++;
    others[4].mechanism = HT_EXPR;
    for (size_t i = 0; i < 5; i++) assert_false(str_eq(token_for(*state, &others[i]), token_for(*state, &purpose)));
}

static void proofs(void **state) {
    struct str token = STR("secret-token:fast-Oeie4nmlUoLnXca-ou"), proof;
    uint8_t answer[HT_PROOF_LEN];
    hex_decode(*state, STR("f2bcde3f91f5488d4a4376c294d9ec14aab8c28369316cf8c5ac27ce1ec625ae"), &proof);
    assert_true(ht_check(token, STR(""), proof));
    assert_false(ht_check(token, STR("cb"), proof));
    assert_false(ht_check(STR("another"), STR(""), proof));
    assert_false(ht_check(token, STR(""), str_first(proof, 31)));
    assert_false(ht_check(token, STR(""), STR("")));
    ht_answer(token, STR("cb"), answer);
    assert_str(hex_encode(*state, str_of(answer, sizeof answer)),
               "bd6df7b847c0bdf5b56ce931546e19c12620b293e740a718bb55b91a0ec2b3ec");
}

static void messages(void **state) {
    (void)state;
    char text[1100] = "mia";
    struct str name, proof;
    for (size_t len = 0; len < 40; len++) assert_int_equal(ht_read(str_of(text, len), &name, &proof), len == 4 + 32);
    assert_true(ht_read(str_of(text, 36), &name, &proof) && str_eq(name, STR("mia")));
    text[0] = '\0';
    assert_false(ht_read(str_of(text, 33), &name, &proof));
    text[0] = '\xff';
    assert_false(ht_read(str_of(text, 36), &name, &proof));
    memset(text, 'a', sizeof text);
    text[1024] = '\0';
    assert_false(ht_read(str_of(text, 1025 + 32), &name, &proof));
}

static void names(void **state) {
    (void)state;
    enum ht_mechanism m;
    for (enum ht_mechanism one = 0; one < HT_MECHANISMS; one++) assert_true(ht_named(ht_name(one), &m) && m == one);
    assert_false(ht_named(STR("HT-SHA-256-UNIQ"), &m));
    assert_false(ht_named(STR_NONE, &m));
}

int main(void) {
    const struct CMUnitTest tests[] = {with_arena(tokens), with_arena(proofs), with_arena(messages), with_arena(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
