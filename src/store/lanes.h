/*
 * lanes.h: jobs that wait for the writer, in one lane for each slot: those of a slot keep their order, and the lanes take turns by bytes. So who
 * writes little waits for a batch or two, however much others have waiting. Not for more than one thread at a time.
 */
#ifndef CONFAB_STORE_LANES_H
#define CONFAB_STORE_LANES_H

#include "base/list.h"
#include "store/store.h"

struct lane {
    struct link in_turn; /* with something waiting */
    struct store_job *first, *last;
    uint64_t credit; /* bytes that it may still write before the next lane has its turn */
};

struct lanes {
    struct link turns;
    struct lane of[SLOTS];
};

void lanes_init(struct lanes *lanes);
static inline bool lanes_empty(const struct lanes *lanes) {
    return list_empty(&lanes->turns);
}
void lanes_add(struct lanes *lanes, struct store_job *job);
/* Up to so many jobs (one at least) as a chain in the order in which they run; no more are added once there are so many bytes. NULL: empty. */
struct store_job *lanes_take(struct lanes *lanes, unsigned jobs, uint64_t bytes);

#endif
