/* crypto.h: the few primitives we need, all from OpenSSL (only crypto.c and net/tls.c include it). Any thread. */
#ifndef CONFAB_BASE_CRYPTO_H
#define CONFAB_BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum hash { HASH_SHA1, HASH_SHA256 };
#define HASH_LEN_MAX 32
/* 20 or 32. */
size_t hash_len(enum hash hash);

/* Aborts when the system has no randomness. */
void random_bytes(void *out, size_t len);
uint64_t random_u64(void);
/* Not for secrets' names alone: 128 bits as 22 characters of the URL alphabet, NUL-terminated. */
void random_id(char out[23]);

void hash_bytes(enum hash hash, struct str in, uint8_t *out);
/* The hash of bytes that come in pieces. One thread at a time. */
struct hasher;
struct hasher *hasher_new(enum hash hash);
void hasher_add(struct hasher *hasher, struct str piece);
void hasher_end(struct hasher *hasher, uint8_t *out); /* once, and nothing may be added after it */
void hasher_free(struct hasher **hasher);
void hmac(enum hash hash, struct str key, struct str in, uint8_t *out);
/* Blocks for milliseconds: never on a gate or a shard. out: hash_len bytes. */
void pbkdf2(enum hash hash, struct str password, struct str salt, unsigned iterations, uint8_t *out);
/* In a time that depends on len only. */
bool bytes_equal(const void *a, const void *b, size_t len);
void bytes_wipe(void *p, size_t len);

/*
 * One AES-128 block under a fixed key: a pseudo-random permutation, for ids that are opaque, unguessable and
 * yet carry two numbers. Not for encrypting text.
 */
struct block_cipher;
struct block_cipher *block_cipher_new(const uint8_t key[16]);
void block_cipher_free(struct block_cipher **cipher);
/* One thread at a time per cipher. */
void block_encrypt(struct block_cipher *cipher, const uint8_t in[16], uint8_t out[16]);
void block_decrypt(struct block_cipher *cipher, const uint8_t in[16], uint8_t out[16]);

#endif
