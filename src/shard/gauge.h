/*
 * gauge.h: bytes that wait somewhere, counted by many threads, with a high mark: who would add to them beyond it waits until half of
 * it has gone. Whoever takes them below that half while somebody waits tells everybody (hub_relieve): no polling.
 *
 * The operations are sequentially consistent: who is about to wait says so and then looks at the bytes, who takes bytes
 * away looks afterwards whether somebody waits; with anything weaker both may look too early.
 */
#ifndef CONFAB_SHARD_GAUGE_H
#define CONFAB_SHARD_GAUGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct gauge {
    atomic_uint_fast64_t bytes;
    atomic_bool awaited; /* somebody waits for it to fall */
    uint64_t high;       /* set before any thread runs; 0: no mark */
};

static inline uint64_t gauge_bytes(const struct gauge *g) {
    return atomic_load_explicit(&g->bytes, memory_order_relaxed);
}
static inline void gauge_add(struct gauge *g, uint32_t bytes) {
    atomic_fetch_add_explicit(&g->bytes, bytes, memory_order_relaxed);
}
/* True: those who wait may go on, and the caller must tell them. */
static inline bool gauge_take(struct gauge *g, uint32_t bytes) {
    uint64_t left = atomic_fetch_sub(&g->bytes, bytes) - bytes;
    return atomic_load(&g->awaited) && left <= g->high / 2 && atomic_exchange(&g->awaited, false);
}
/* True: the caller waits; there will be relief. Who has sent little lately does not wait behind those who filled it, up to twice the mark. */
static inline bool gauge_is_high(struct gauge *g, bool is_modest) {
    if (g->high == 0 || gauge_bytes(g) <= (is_modest ? 2 * g->high : g->high)) return false;
    atomic_store(&g->awaited, true);
    return atomic_load(&g->bytes) > g->high / 2;
}

#endif
