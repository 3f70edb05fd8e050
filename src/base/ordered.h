/*
 * ordered.h: numbers that mostly come rising and leave from the front, each with what it stands for: what waits for a commit, an
 * answer, an acknowledgement. Found by binary search, however many wait. Not for more than one thread.
 */
#ifndef CONFAB_BASE_ORDERED_H
#define CONFAB_BASE_ORDERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ordered_item {
    int64_t key;
    void *thing; /* borrowed */
    uint32_t holders;
    bool done;
};

struct ordered_row {
    uint32_t head, tail, cap; /* items[head .. tail) */
    struct ordered_item items[];
};

/* Zeroed is empty. A pointer and no more until something comes: every account has some. */
struct ordered {
    struct ordered_row *row;
};

static inline uint32_t ordered_count(const struct ordered *o) {
    return o->row ? o->row->tail - o->row->head : 0;
}
/* Lowest key first; NULL: empty. Items stay where they are until the next ordered_add or ordered_pop. */
static inline struct ordered_item *ordered_first(const struct ordered *o) {
    return ordered_count(o) ? &o->row->items[o->row->head] : NULL;
}
struct ordered_item *ordered_find(const struct ordered *o, int64_t key); /* NULL: not there */
/* A zeroed item with that key, which is not there yet. Cheap at the end. */
struct ordered_item *ordered_add(struct ordered *o, int64_t key);
void ordered_pop(struct ordered *o); /* the first; the memory of the last goes with it */
/* All that are done at the front; how many. */
uint32_t ordered_pop_done(struct ordered *o);
void ordered_free(struct ordered *o); /* leaves an empty, usable one */

#endif
