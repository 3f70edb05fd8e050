#include "base/codec.h"
#include "base/crypto.h"
#include "unit.h"

static const char *hash_hex(struct arena *arena, enum hash hash, const uint8_t *p) {
    return hex_encode(arena, str_of(p, hash_len(hash))).p;
}

static void hash_vectors(void **state) {
    uint8_t out[HASH_LEN_MAX];
    hash_bytes(HASH_SHA1, STR("abc"), out);
    assert_string_equal(hash_hex(*state, HASH_SHA1, out), "a9993e364706816aba3e25717850c26c9cd0d89d");
    hash_bytes(HASH_SHA256, STR_NONE, out);
    assert_string_equal(hash_hex(*state, HASH_SHA256, out),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 2202 and RFC 4231, case 2. */
static void hmac_vectors(void **state) {
    uint8_t out[HASH_LEN_MAX];
    hmac(HASH_SHA1, STR("Jefe"), STR("what do ya want for nothing?"), out);
    assert_string_equal(hash_hex(*state, HASH_SHA1, out), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    hmac(HASH_SHA256, STR("Jefe"), STR("what do ya want for nothing?"), out);
    assert_string_equal(hash_hex(*state, HASH_SHA256, out),
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    hmac(HASH_SHA256, STR_NONE, STR_NONE, out);
    assert_string_equal(hash_hex(*state, HASH_SHA256, out),
                        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* RFC 6070 and its twin for SHA-256. */
static void pbkdf2_vectors(void **state) {
    uint8_t out[HASH_LEN_MAX];
    pbkdf2(HASH_SHA1, STR("password"), STR("salt"), 4096, out);
    assert_string_equal(hash_hex(*state, HASH_SHA1, out), "4b007901b765489abead49d926f721d065a429c1");
    pbkdf2(HASH_SHA256, STR("password"), STR("salt"), 2, out);
    assert_string_equal(hash_hex(*state, HASH_SHA256, out),
                        "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43");
}

/* FIPS 197, appendix C.1. */
static void block_vectors(void **state) {
    struct str key, in, out;
    uint8_t block[16];
    assert_int_equal(hex_decode(*state, STR("000102030405060708090a0b0c0d0e0f"), &key), 0);
    assert_int_equal(hex_decode(*state, STR("00112233445566778899aabbccddeeff"), &in), 0);
    assert_int_equal(hex_decode(*state, STR("69c4e0d86a7b0430d8cdb78070b4c55a"), &out), 0);
    struct block_cipher *cipher = block_cipher_new((const uint8_t *)key.p);
    for (int i = 0; i < 2; i++) {
        block_encrypt(cipher, (const uint8_t *)in.p, block);
        assert_memory_equal(block, out.p, 16);
        block_decrypt(cipher, block, block);
        assert_memory_equal(block, in.p, 16);
    }
    block_cipher_free(&cipher);
    assert_null(cipher);
    block_cipher_free(&cipher);
}

static void randomness(void **state) {
    char a[23], b[23];
    struct str out;
    random_id(a);
    random_id(b);
    assert_int_equal(strlen(a), 22);
    assert_string_not_equal(a, b);
    assert_int_equal(base64url_decode(*state, str_c(a), &out), 0);
    assert_int_equal(out.len, 16);
    assert_true(random_u64() != random_u64());
    random_bytes(NULL, 0);
}

static void comparing_and_wiping(void **state) {
    (void)state;
    char secret[] = "secret";
    assert_true(bytes_equal("abc", "abc", 3) && !bytes_equal("abc", "abd", 3) && bytes_equal("a", "b", 0));
    bytes_wipe(secret, sizeof secret);
    for (size_t i = 0; i < sizeof secret; i++) assert_int_equal(secret[i], 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_arena(hash_vectors),  with_arena(hmac_vectors), with_arena(pbkdf2_vectors),
        with_arena(block_vectors), with_arena(randomness),   cmocka_unit_test(comparing_and_wiping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
