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
static uint32_t row_place(const struct ordered_row *row, int64_t key) {
    uint32_t low = row->head, high = row->tail;
    if (low == high || row->items[high - 1].key < key) return high;
    if (row->items[low].key >= key) return low;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (row->items[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct ordered_item *ordered_find(const struct ordered *o, int64_t key) {
    if (!o->row) return NULL;
    uint32_t at = row_place(o->row, key);
    return at < o->row->tail && o->row->items[at].key == key ? &o->row->items[at] : NULL;
}

/* With room for one more. */
static struct ordered_row *row_with_room(struct ordered_row *row) {
    uint32_t count = row ? row->tail - row->head : 0, cap = row ? row->cap : 0;
    if (row && row->tail < cap) return row;
    if (count > cap / 2 || cap == 0) {
        cap = cap ? cap * 2 : CAP_MIN;
        row = realloc(row, sizeof *row + cap * sizeof *row->items);
        CHECK(row != NULL);
        row->cap = cap;
    }
    if (count) memmove(row->items, row->items + row->head, count * sizeof *row->items);
    row->head = 0;
    row->tail = count;
    return row;
}

struct ordered_item *ordered_add(struct ordered *o, int64_t key) {
    struct ordered_row *row = o->row = row_with_room(o->row);
    uint32_t at = row_place(row, key);
    struct ordered_item *item = &row->items[at];
    if (at < row->tail) memmove(item + 1, item, (row->tail - at) * sizeof *item);
    row->tail++;
    *item = (struct ordered_item){.key = key};
    return item;
}

void ordered_pop(struct ordered *o) {
    struct ordered_row *row = o->row;
    CHECK(ordered_count(o) > 0);
    row->head++;
    if (row->head < row->tail) return;
    row->head = row->tail = 0;
    if (row->cap > CAP_MIN) ordered_free(o); /* a burst is over */
}

uint32_t ordered_pop_done(struct ordered *o) {
    uint32_t count = 0;
    for (const struct ordered_item *first; (first = ordered_first(o)) && first->done; count++) ordered_pop(o);
    return count;
}

void ordered_free(struct ordered *o) {
    free(o->row);
    o->row = NULL;
}
