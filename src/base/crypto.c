/*
 * crypto.c: the few primitives, on OpenSSL 3. Fetching an algorithm by name costs microseconds and a lock, so all
 * are fetched once, by whoever comes first, and shared: fetched algorithms and the keyless HMAC contexts are only read
 * afterwards. A failure in here (no memory, a broken provider) is nothing that a caller could mend, hence CHECK.
 * Any thread.
 */
#include "base/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"

static const struct {
    const char *name;
    size_t len;
} hashes[] = {[HASH_SHA1] = {"SHA1", 20}, [HASH_SHA256] = {"SHA256", 32}};
#define HASHES (sizeof hashes / sizeof hashes[0])

static struct {
    EVP_MD *md[HASHES];
    EVP_MAC_CTX *hmac[HASHES]; /* digest set, no key: to be copied */
    EVP_CIPHER *aes;
} fetched;
static pthread_once_t fetched_once = PTHREAD_ONCE_INIT;

static void fetch_all(void) {
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    CHECK(mac);
    for (size_t i = 0; i < HASHES; i++) {
        char name[16];
        memcpy(name, hashes[i].name, strlen(hashes[i].name) + 1); /* the parameter wants a char *, not const */
        OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                               OSSL_PARAM_construct_end()};
        fetched.md[i] = EVP_MD_fetch(NULL, hashes[i].name, NULL);
        fetched.hmac[i] = EVP_MAC_CTX_new(mac);
        CHECK(fetched.md[i] && fetched.hmac[i] && EVP_MAC_CTX_set_params(fetched.hmac[i], params));
    }
    EVP_MAC_free(mac); /* the contexts hold it */
    fetched.aes = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
    CHECK(fetched.aes);
}

static void fetch_once(void) {
    pthread_once(&fetched_once, fetch_all);
}

size_t hash_len(enum hash hash) {
    return hashes[hash].len;
}

/* --- randomness --- */

void random_bytes(void *out, size_t len) {
    for (uint8_t *at = out; len > 0;) {
        int n = len > 1 << 20 ? 1 << 20 : (int)len;
        CHECK(RAND_bytes(at, n) == 1);
        at += n;
        len -= (size_t)n;
    }
}

uint64_t random_u64(void) {
    uint64_t n;
    random_bytes(&n, sizeof n);
    return n;
}

void random_id(char out[23]) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bytes[17] = {0}; /* 22 characters hold 132 bits; the last four are zero */
    random_bytes(bytes, 16);
    for (size_t i = 0; i < 22; i++) {
        size_t bit = i * 6;
        unsigned pair = (unsigned)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];
        out[i] = alphabet[pair >> (10 - bit % 8) & 63];
    }
    out[22] = '\0';
}

/* --- hashes --- */

void hash_bytes(enum hash hash, struct str in, uint8_t *out) {
    fetch_once();
    CHECK(EVP_Digest(in.len ? in.p : "", in.len, out, NULL, fetched.md[hash], NULL) == 1);
}

struct hasher {
    EVP_MD_CTX *ctx;
};

struct hasher *hasher_new(enum hash hash) {
    fetch_once();
    struct hasher *h = malloc(sizeof *h);
    CHECK(h);
    h->ctx = EVP_MD_CTX_new();
    CHECK(h->ctx && EVP_DigestInit_ex2(h->ctx, fetched.md[hash], NULL) == 1);
    return h;
}

void hasher_add(struct hasher *h, struct str piece) {
    CHECK(EVP_DigestUpdate(h->ctx, piece.len ? piece.p : "", piece.len) == 1);
}

void hasher_end(struct hasher *h, uint8_t *out) {
    CHECK(EVP_DigestFinal_ex(h->ctx, out, NULL) == 1);
}

void hasher_free(struct hasher **hasher) {
    if (!*hasher) return;
    EVP_MD_CTX_free((*hasher)->ctx);
    free(*hasher);
    *hasher = NULL;
}

void hmac(enum hash hash, struct str key, struct str in, uint8_t *out) {
    fetch_once();
    size_t len = 0;
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(fetched.hmac[hash]);
    CHECK(ctx);
    CHECK(EVP_MAC_init(ctx, (const unsigned char *)(key.len ? key.p : ""), key.len, NULL) == 1);
    CHECK(EVP_MAC_update(ctx, (const unsigned char *)(in.len ? in.p : ""), in.len) == 1);
    CHECK(EVP_MAC_final(ctx, out, &len, hashes[hash].len) == 1 && len == hashes[hash].len);
    EVP_MAC_CTX_free(ctx);
}

void pbkdf2(enum hash hash, struct str password, struct str salt, unsigned iterations, uint8_t *out) {
    fetch_once();
    CHECK(iterations > 0 && iterations <= INT32_MAX && password.len <= INT32_MAX && salt.len <= INT32_MAX);
    CHECK(PKCS5_PBKDF2_HMAC(password.len ? password.p : "", (int)password.len,
                            (const unsigned char *)(salt.len ? salt.p : ""), (int)salt.len, (int)iterations,
                            fetched.md[hash], (int)hashes[hash].len, out) == 1);
}

bool bytes_equal(const void *a, const void *b, size_t len) {
    return CRYPTO_memcmp(a, b, len) == 0;
}

void bytes_wipe(void *p, size_t len) {
    OPENSSL_cleanse(p, len);
}

/* --- one block --- */

struct block_cipher {
    EVP_CIPHER_CTX *encrypt, *decrypt;
};

struct block_cipher *block_cipher_new(const uint8_t key[16]) {
    fetch_once();
    struct block_cipher *c = malloc(sizeof *c);
    CHECK(c);
    c->encrypt = EVP_CIPHER_CTX_new();
    c->decrypt = EVP_CIPHER_CTX_new();
    CHECK(c->encrypt && EVP_EncryptInit_ex2(c->encrypt, fetched.aes, key, NULL, NULL) == 1);
    CHECK(c->decrypt && EVP_DecryptInit_ex2(c->decrypt, fetched.aes, key, NULL, NULL) == 1);
    EVP_CIPHER_CTX_set_padding(c->encrypt, 0);
    EVP_CIPHER_CTX_set_padding(c->decrypt, 0);
    return c;
}

void block_cipher_free(struct block_cipher **cipher) {
    if (!*cipher) return;
    EVP_CIPHER_CTX_free((*cipher)->encrypt);
    EVP_CIPHER_CTX_free((*cipher)->decrypt);
    free(*cipher);
    *cipher = NULL;
}

void block_encrypt(struct block_cipher *cipher, const uint8_t in[16], uint8_t out[16]) {
    int len = 0;
    CHECK(EVP_EncryptUpdate(cipher->encrypt, out, &len, in, 16) == 1 && len == 16);
}

void block_decrypt(struct block_cipher *cipher, const uint8_t in[16], uint8_t out[16]) {
    int len = 0;
    CHECK(EVP_DecryptUpdate(cipher->decrypt, out, &len, in, 16) == 1 && len == 16);
}
