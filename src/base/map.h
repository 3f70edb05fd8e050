/*
 * map.h: hash table from bytes to a pointer, keyed by SipHash with a key of this process, so that a
 * stranger who chooses names cannot choose collisions. Open addressing; the table borrows its keys:
 * they must live in the value (or as long as it). Not for more than one thread.
 */
#ifndef CONFAB_BASE_MAP_H
#define CONFAB_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* A pointer and no more while it is empty: every account has some. */
struct map {
    struct map_table *table; /* NULL: empty */
};

#define MAP_INIT                                                                                                       \
    { NULL }

uint32_t map_count(const struct map *m);
uint32_t map_cap(const struct map *m); /* slots: what it costs */

/* NULL when it is not there. */
void *map_get(const struct map *m, struct str key);
/* Adds or replaces; returns what stood there before, or NULL. `value` is not NULL. */
void *map_put(struct map *m, struct str key, void *value);
/* Returns what was removed, or NULL. */
void *map_remove(struct map *m, struct str key);
/* Frees the table, not the values; leaves an empty, usable map. */
void map_free(struct map *m);

/* In no particular order. Start with *at = 0; NULL at the end. The map must not be added to meanwhile;
 * the value just returned may be removed (no shrinking happens on removal). */
void *map_next(const struct map *m, size_t *at);

/* The keyed hash itself (SipHash-2-4): process_key chosen at random at first use. */
uint64_t map_hash(struct str key);
/* With a given 16-byte key. */
uint64_t siphash(const uint8_t key[16], const void *p, size_t len);

#endif
