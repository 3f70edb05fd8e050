/* connections.c: see the header. Counters by prefix in a map; an entry is there while its count is above zero. Any thread, under the mutex. */
#include "front/connections.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "front/throttle.h"

struct count {
    uint32_t count;
    uint16_t len;
    char name[];
};

static struct {
    pthread_mutex_t lock;
    struct map counts;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint32_t count_of(struct str name) {
    const struct count *c = map_get(&table.counts, name);
    return c ? c->count : 0;
}

static void count_add(struct str name) {
    struct count *c = map_get(&table.counts, name);
    if (!c) {
        c = calloc(1, sizeof *c + name.len);
        CHECK(c != NULL);
        c->len = (uint16_t)name.len;
        memcpy(c->name, name.p, name.len);
        map_put(&table.counts, str_of(c->name, c->len), c);
    }
    c->count++;
}

static void count_drop(struct str name) {
    struct count *c = map_get(&table.counts, name);
    if (!c || --c->count > 0) return;
    map_remove(&table.counts, name);
    free(c);
}

static bool is_counted(const struct net_address *a) {
    return a->proxied || !net_address_is_loopback(a);
}

static bool address_enter(const struct net_address *a, const struct options *o) {
    char near_name[40], wide_name[40];
    struct str near_prefix = throttle_prefix(near_name, 'n', a, false), wide = throttle_prefix(wide_name, 'w', a, true);
    if (!is_counted(a)) return true;
    if (count_of(near_prefix) >= o->connections_per_address || count_of(wide) >= o->connections_per_prefix)
        return false;
    count_add(near_prefix);
    count_add(wide);
    return true;
}

static void address_leave(const struct net_address *a) {
    char name[40];
    if (!is_counted(a)) return;
    count_drop(throttle_prefix(name, 'n', a, false));
    count_drop(throttle_prefix(name, 'w', a, true));
}

bool connections_enter(const struct net_address *peer, struct server *server) {
    const struct options *o = &server->options;
    if ((int64_t)atomic_load(&server->connections) >= o->connections) return false;
    if ((int64_t)atomic_load(&server->unauthenticated) >= o->unauthenticated) return false;
    pthread_mutex_lock(&table.lock);
    bool may = address_enter(peer, o);
    pthread_mutex_unlock(&table.lock);
    if (may) atomic_fetch_add(&server->connections, 1);
    return may;
}

void connections_leave(void *arg, const struct net_address *peer) {
    struct server *server = arg;
    pthread_mutex_lock(&table.lock);
    address_leave(peer);
    pthread_mutex_unlock(&table.lock);
    atomic_fetch_sub(&server->connections, 1);
}

bool connections_move(const struct net_address *from, const struct net_address *to, struct server *server) {
    pthread_mutex_lock(&table.lock);
    bool may = address_enter(to, &server->options);
    if (may) address_leave(from);
    pthread_mutex_unlock(&table.lock);
    return may;
}
