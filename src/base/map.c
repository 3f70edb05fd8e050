/*
 * map.c: open addressing with linear probing. A removed entry leaves a tombstone (a key pointer, but value NULL), so
 * that removing during map_next moves nothing; tombstones go when the table is rebuilt. Load is at most three
 * quarters, tombstones included, so every probe ends.
 *
 * A map belongs to one thread at a time; the process key is chosen once, by whoever comes first.
 */
#include "base/map.h"

#include <endian.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/crypto.h"

struct map_slot {
    const char *key; /* NULL: never used */
    void *value;     /* NULL with a key: removed */
    uint32_t key_len;
    uint32_t hash; /* its lower half: finds the place in tables of any size we allow */
};

struct map_table {
    uint32_t count, cap; /* cap is a power of two */
    uint32_t dead;       /* slots of removed entries, not yet reused */
    struct map_slot slots[];
};

#define CAP_MIN 8u
#define CAP_MAX (1u << 30)
#define KEY_MAX UINT32_MAX
static const char tombstone;

/* --- SipHash-2-4 --- */

static inline uint64_t rotate(uint64_t x, int by) {
    return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* `len` is at most eight; a constant one is a single load. */
static inline uint64_t load_le64(const uint8_t *p, size_t len) {
    uint64_t x = 0;
    memcpy(&x, p, len);
    return le64toh(x);
}

static inline void sip_absorb(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

uint64_t siphash(const uint8_t key[16], const void *p, size_t len) {
    uint64_t k0 = load_le64(key, 8), k1 = load_le64(key + 8, 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
                     k1 ^ 0x7465646279746573u};
    const uint8_t *at = len ? p : key; /* p may be NULL when there is nothing */
    size_t left = len;
    for (; left >= 8; at += 8, left -= 8) sip_absorb(v, load_le64(at, 8));
    sip_absorb(v, (uint64_t)len << 56 | load_le64(at, left));
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint8_t process_key[16];
static pthread_once_t process_key_once = PTHREAD_ONCE_INIT;

static void process_key_choose(void) {
    random_bytes(process_key, sizeof process_key);
}

uint64_t map_hash(struct str key) {
    pthread_once(&process_key_once, process_key_choose);
    return siphash(process_key, key.len ? key.p : "", key.len);
}

/* --- the table --- */

static struct map_slot *table_find(struct map_table *t, struct str key, uint32_t hash) {
    if (!t) return NULL;
    for (size_t i = hash & (t->cap - 1);; i = (i + 1) & (t->cap - 1)) {
        struct map_slot *slot = &t->slots[i];
        if (!slot->key) return NULL;
        if (slot->value && slot->hash == hash && str_eq(str_of(slot->key, slot->key_len), key)) return slot;
    }
}

/* The key is known not to be there, and there is room. */
static struct map_slot *table_free_slot(struct map_table *t, uint32_t hash) {
    size_t i = hash & (t->cap - 1);
    while (t->slots[i].value) i = (i + 1) & (t->cap - 1);
    return &t->slots[i];
}

static bool table_has_room(const struct map_table *t) {
    return t && (uint64_t)(t->count + t->dead + 1) * 4 <= (uint64_t)t->cap * 3;
}

/* Room for one more; drops the tombstones. Takes the old one. */
static struct map_table *table_rebuild(struct map_table *old) {
    uint32_t cap = CAP_MIN, count = old ? old->count : 0;
    while (cap / 2 < count + 1) cap *= 2;
    CHECK(cap <= CAP_MAX);
    struct map_table *t = calloc(1, sizeof *t + cap * sizeof t->slots[0]);
    CHECK(t);
    t->count = count;
    t->cap = cap;
    for (uint32_t i = 0; old && i < old->cap; i++) {
        if (old->slots[i].value) *table_free_slot(t, old->slots[i].hash) = old->slots[i];
    }
    free(old);
    return t;
}

uint32_t map_count(const struct map *m) {
    return m->table ? m->table->count : 0;
}

uint32_t map_cap(const struct map *m) {
    return m->table ? m->table->cap : 0;
}

void *map_get(const struct map *m, struct str key) {
    if (map_count(m) == 0) return NULL;
    struct map_slot *slot = table_find(m->table, key, (uint32_t)map_hash(key));
    return slot ? slot->value : NULL;
}

void *map_put(struct map *m, struct str key, void *value) {
    CHECK(value && key.len <= KEY_MAX);
    uint32_t hash = (uint32_t)map_hash(key);
    struct map_slot *slot = table_find(m->table, key, hash);
    void *old = NULL;
    if (!key.p) key.p = "";
    if (slot) {
        old = slot->value;
    } else {
        if (!table_has_room(m->table)) m->table = table_rebuild(m->table);
        slot = table_free_slot(m->table, hash);
        if (slot->key) m->table->dead--;
        m->table->count++;
    }
    /* The key too: the old one dies with the old value. */
    *slot = (struct map_slot){key.p, value, (uint32_t)key.len, hash};
    return old;
}

void *map_remove(struct map *m, struct str key) {
    if (map_count(m) == 0) return NULL;
    struct map_slot *slot = table_find(m->table, key, (uint32_t)map_hash(key));
    if (!slot) return NULL;
    void *old = slot->value;
    *slot = (struct map_slot){.key = &tombstone};
    m->table->count--;
    m->table->dead++;
    return old;
}

void map_free(struct map *m) {
    free(m->table);
    *m = (struct map)MAP_INIT;
}

void *map_next(const struct map *m, size_t *at) {
    while (m->table && *at < m->table->cap) {
        void *value = m->table->slots[(*at)++].value;
        if (value) return value;
    }
    return NULL;
}
