/*
 * loop.h: one event loop per thread: raw epoll, level-triggered, with a timer wheel. Everything in it belongs to
 * the thread that runs it; the one exception is loop_wake. Embedded structs, no allocation per watch or timer.
 */
#ifndef CONFAB_NET_LOOP_H
#define CONFAB_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct loop;

/* A file descriptor watched. Zeroed fd is not "none": set fd before loop_add. */
struct loop_watch {
    int fd;
    void (*ready)(struct loop_watch *watch, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLHUP ... */
};

/* Zeroed is a timer at rest (list_init not needed). */
struct loop_timer {
    struct link link;
    int64_t due_ms; /* 0: at rest */
    void (*fire)(struct loop_timer *timer, int64_t now_ms);
};

/* What is called once at the end of the turn in which it was asked for, then forgotten. Zeroed or linked to itself is at rest. */
struct loop_deferred {
    struct link link;
    void (*run)(struct loop_deferred *deferred);
};
static inline bool loop_is_deferred(const struct loop_deferred *deferred) {
    return deferred->link.next && !list_empty(&deferred->link);
}

struct loop *loop_new(void);
void loop_free(struct loop **loop);

int loop_add(struct loop *loop, struct loop_watch *watch, uint32_t events);
void loop_mod(struct loop *loop, struct loop_watch *watch, uint32_t events);
/* Events of this watch that are already in hand are dropped too. The fd stays open. */
void loop_del(struct loop *loop, struct loop_watch *watch);

/* Sets or moves. A time in the past fires when timers run next (set by a timer: in the next turn). Granularity: 8 ms,
 * never early. Cheap to move far ahead. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_ms);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer); /* idempotent */

void loop_defer(struct loop *loop, struct loop_deferred *deferred);
void loop_undefer(struct loop *loop, struct loop_deferred *deferred); /* idempotent */
bool loop_has_deferred(const struct loop *loop);

/* Any thread: makes a sleeping loop return soon. Cheap when it is awake or has been woken already. */
void loop_wake(struct loop *loop);
/*
 * One turn: waits (not at all when `busy`), runs what is ready, then the timers, then the deferred.
 * The caller drains its mailbox before and after; see loop_sleeping.
 */
void loop_turn(struct loop *loop, bool busy);
/*
 * Before it may sleep a thread says so, looks at its mailbox once more, and then calls loop_turn(busy = something was
 * there). Producers call loop_wake after pushing: it writes to the eventfd only if the loop sleeps or is about to.
 */
void loop_sleeping(struct loop *loop);

/*
 * What one kind of step (an event, a timer, a deferred, a message of the shard) took in one turn, by the wall clock. A turn is bounded: each
 * phase of it ends after the step with which it has used up its share; what is left waits, in order, for the next turn, and so do the
 * phases behind one that took long. A step that
 * could be long looks at loop_step_is_long and goes on in another one.
 */
struct spent {
    uint32_t count;
    uint32_t ns, longest_ns; /* of all; of one */
};
enum loop_phase { LOOP_EVENTS, LOOP_TIMERS, LOOP_DEFERRED, LOOP_PHASES };
/* LOOP_PHASES entries, since they were cleared. */
const struct spent *loop_spent(const struct loop *loop);
void loop_spent_clear(struct loop *loop);
/* The share of each phase; 0, from the start: no bound, no step is long (tests that count turns). */
void loop_set_share(struct loop *loop, uint32_t share_ns);
/* Steps that are not the loop's own: from here to loop_step_end, which begins the next one. False: the share is used up. */
void loop_step_begin(struct loop *loop);
bool loop_step_end(struct loop *loop, struct spent *spent);
bool loop_step_is_long(const struct loop *loop);
/* Its last step took it far over its share: enough for one turn. */
bool loop_phase_is_long(const struct loop *loop);

/* Of this turn, CLOCK_MONOTONIC in ms; and wall-clock microseconds since 1970. */
int64_t loop_now_ms(const struct loop *loop);
int64_t loop_wall_us(const struct loop *loop);
/* Tests: from the first call on, which comes before any timer is set, it is whatever time this says; turns are busy. */
void loop_simulate(struct loop *loop, int64_t now_ms, int64_t wall_us);

#endif
