/*
 * lanes.c: deficit round robin. A lane that has its turn earns a quantum of bytes and hands out what it can pay for; a large job
 * waits until its lane has saved enough, while small ones of other lanes pass. A lane that is empty keeps nothing.
 */
#include "store/lanes.h"

enum { QUANTUM = 65536 };

void lanes_init(struct lanes *lanes) {
    *lanes = (struct lanes){0};
    list_init(&lanes->turns);
}

static struct store_job *job_next(const struct store_job *job) {
    return (struct store_job *)job->msg.next;
}

void lanes_add(struct lanes *lanes, struct store_job *job) {
    struct lane *lane = &lanes->of[job->slot];
    job->msg.next = NULL;
    if (lane->first) {
        lane->last->msg.next = &job->msg;
    } else {
        lane->first = job;
        list_append(&lanes->turns, &lane->in_turn);
    }
    lane->last = job;
}

/* A chain in the making. */
struct taking {
    struct store_job *first, *last;
    unsigned jobs_left;
    uint64_t bytes, bytes_max;
};

static bool is_enough(const struct taking *t) {
    return t->jobs_left == 0 || (t->first && t->bytes >= t->bytes_max);
}

/* One turn of a lane. */
static void lane_take(struct lane *lane, struct taking *t) {
    lane->credit += QUANTUM;
    for (struct store_job *job; (job = lane->first) && job->msg.bytes <= lane->credit && !is_enough(t);) {
        lane->first = job_next(job);
        lane->credit -= job->msg.bytes;
        if (t->last) {
            t->last->msg.next = &job->msg;
        } else {
            t->first = job;
        }
        t->last = job;
        t->jobs_left--;
        t->bytes += job->msg.bytes;
    }
}

struct store_job *lanes_take(struct lanes *lanes, unsigned jobs, uint64_t bytes) {
    struct taking t = {.jobs_left = jobs, .bytes_max = bytes};
    while (!lanes_empty(lanes) && !is_enough(&t)) {
        struct lane *lane = CONTAINER_OF(list_pop(&lanes->turns), struct lane, in_turn);
        lane_take(lane, &t);
        if (lane->first) {
            list_append(&lanes->turns, &lane->in_turn);
        } else {
            lane->credit = 0;
        }
    }
    if (t.last) t.last->msg.next = NULL;
    return t.first;
}
