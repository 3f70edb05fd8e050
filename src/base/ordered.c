/*
 * ordered.c: an array with a gap before its first item. What leaves at the front widens the gap; when the end is reached, the items
 * move down if that frees half of it, or into an array of twice the size. So both ends cost a few instructions, on average.
 */
#include "base/ordered.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define CAP_MIN 8u

/* Of the first item whose key is not below it. */
static uint32_t ordered_place(const struct ordered *o, int64_t key) {
    uint32_t low = o->head, high = o->tail;
    if (low == high || o->items[high - 1].key < key) return high;
    if (o->items[low].key >= key) return low;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (o->items[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct ordered_item *ordered_find(const struct ordered *o, int64_t key) {
    uint32_t at = ordered_place(o, key);
    return at < o->tail && o->items[at].key == key ? &o->items[at] : NULL;
}

static void ordered_make_room(struct ordered *o) {
    uint32_t count = ordered_count(o);
    if (o->tail < o->cap) return;
    if (count > o->cap / 2 || o->cap == 0) {
        o->cap = o->cap ? o->cap * 2 : CAP_MIN;
        o->items = realloc(o->items, o->cap * sizeof *o->items);
        CHECK(o->items != NULL);
    }
    if (count) memmove(o->items, o->items + o->head, count * sizeof *o->items);
    o->head = 0;
    o->tail = count;
}

struct ordered_item *ordered_add(struct ordered *o, int64_t key) {
    ordered_make_room(o);
    uint32_t at = ordered_place(o, key);
    struct ordered_item *item = &o->items[at];
    if (at < o->tail) memmove(item + 1, item, (o->tail - at) * sizeof *item);
    o->tail++;
    *item = (struct ordered_item){.key = key};
    return item;
}

void ordered_pop(struct ordered *o) {
    CHECK(o->head < o->tail);
    o->head++;
    if (o->head < o->tail) return;
    o->head = o->tail = 0;
    if (o->cap > CAP_MIN) ordered_free(o); /* a burst is over */
}

uint32_t ordered_pop_done(struct ordered *o) {
    uint32_t count = 0;
    for (const struct ordered_item *first; (first = ordered_first(o)) && first->done; count++) ordered_pop(o);
    return count;
}

void ordered_free(struct ordered *o) {
    free(o->items);
    *o = (struct ordered){0};
}
