/*
 * throttle.c: decaying counters by name, shared by all gates under a mutex. Each halves in its time; one that has fallen below a twentieth of an event is forgotten. The
 * table is bounded: when it is full, sweeping early costs a stranger's count, never service.
 */
#include "front/throttle.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/map.h"

enum { ENTRIES_MAX = 100000 };

struct entry {
    double count;
    int64_t at_ms, half_ms;
    uint16_t len;
    char name[];
};

struct throttle {
    pthread_mutex_t lock; /* failures and registrations are rare */
    struct map entries;
};

struct throttle *throttle_new(void) {
    struct throttle *t = calloc(1, sizeof *t);
    CHECK(t != NULL);
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void throttle_free(struct throttle **t) {
    if (!*t) return;
    size_t at = 0;
    for (void *e; (e = map_next(&(*t)->entries, &at));) free(e);
    map_free(&(*t)->entries);
    pthread_mutex_destroy(&(*t)->lock);
    free(*t);
    *t = NULL;
}

static double decayed(const struct entry *e, int64_t now_ms) {
    return e->count * exp2(-(double)(now_ms - e->at_ms) / (double)e->half_ms);
}

int64_t throttle_look(struct throttle *t, struct str name, int64_t half_ms, int64_t now_ms) {
    (void)half_ms;
    pthread_mutex_lock(&t->lock);
    const struct entry *e = map_get(&t->entries, name);
    int64_t count = e ? (int64_t)(decayed(e, now_ms) * 1000) : 0;
    pthread_mutex_unlock(&t->lock);
    return count;
}

static void entries_sweep(struct throttle *t, int64_t now_ms) {
    size_t at = 0;
    for (struct entry *e; (e = map_next(&t->entries, &at));) {
        if (decayed(e, now_ms) >= 0.05) continue;
        map_remove(&t->entries, str_of(e->name, e->len));
        free(e);
    }
}

static int64_t entry_count(struct throttle *t, struct str name, int64_t half_ms, int64_t now_ms) {
    struct entry *e = map_get(&t->entries, name);
    if (!e) {
        if (map_count(&t->entries) >= ENTRIES_MAX) entries_sweep(t, now_ms);
        if (map_count(&t->entries) >= ENTRIES_MAX) return 1000;
        e = calloc(1, sizeof *e + name.len);
        CHECK(e != NULL);
        e->len = (uint16_t)name.len;
        memcpy(e->name, name.p, name.len);
        e->at_ms = now_ms;
        e->half_ms = half_ms;
        map_put(&t->entries, str_of(e->name, e->len), e);
    }
    e->count = decayed(e, now_ms) + 1;
    e->at_ms = now_ms;
    return (int64_t)(e->count * 1000);
}

int64_t throttle_count(struct throttle *t, struct str name, int64_t half_ms, int64_t now_ms) {
    pthread_mutex_lock(&t->lock);
    int64_t count = entry_count(t, name, half_ms, now_ms);
    pthread_mutex_unlock(&t->lock);
    return count;
}

void throttle_sweep(struct throttle *t, int64_t now_ms) {
    pthread_mutex_lock(&t->lock);
    entries_sweep(t, now_ms);
    pthread_mutex_unlock(&t->lock);
}

struct str throttle_prefix(char out[40], char kind, const struct net_address *a, bool wide) {
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    bool v4 = memcmp(a->ip, mapped, 12) == 0;
    int bytes = v4 ? (wide ? 15 : 16) : (wide ? 6 : 8);
    int len = snprintf(out, 40, "%c:", kind);
    for (int i = v4 ? 12 : 0; i < bytes; i++) len += snprintf(out + len, (size_t)(40 - len), "%02x", a->ip[i]);
    return str_of(out, (size_t)len);
}
