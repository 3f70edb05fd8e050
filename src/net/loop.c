/*
 * loop.c: epoll, a timer wheel, and what is put off to the end of the turn.
 *
 * Level-triggered epoll, because a connection that stopped reading for fairness must be told again. The kernel is given
 * the address of the watch; when a watch is deleted, the rest of the batch in hand is searched for that address, so
 * that a stale event never reaches freed memory. A batch is short, so the search is cheaper than a generation in each
 * watch.
 *
 * Timers lie in a hierarchical wheel: level n has 64 slots of 64^n ticks, a tick is 8 ms. A timer lies in the level of
 * the highest group of six bits in which its tick differs from now, so all occupied slots of a level are ahead of the
 * hand. One bit per slot tells which may be occupied (cancelling does not clear it; whoever looks does). Setting a
 * timer that is in the wheel to a later time only writes the time: it is put right when its old slot comes up.
 *
 * Sleeping: one atomic word says whether the thread sleeps or is about to. Both sides change it by exchanges only, so
 * that of a producer (push, then exchange) and the loop (exchange, then look) at least one sees the other.
 *
 * Thread: its own; loop_wake alone may be called from any.
 */
#include "net/loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"

#define TICK_MS 8
#define LEVELS 6 /* 64^6 ticks are 17 years */
#define SLOT_BITS 6
#define SLOTS 64
#define TICK_LAST ((UINT64_C(1) << (LEVELS * SLOT_BITS)) - 1)

#define BATCH_MAX 32       /* events taken from the kernel at once */
#define DEFER_PASSES_MAX 8 /* rounds of deferred work that beget more of it, in one turn */
#define SLEEP_MAX_MS 60000 /* keeps the arithmetic of epoll_wait small */

enum { AWAKE, SLEEPING };

struct loop {
    int epoll_fd;
    int64_t now_ms, wall_us;
    bool simulated; /* they are set by loop_simulate alone */
    struct epoll_event batch[BATCH_MAX];
    int batch_at, batch_len;
    uint32_t share_ns;
    uint64_t phase_ns, step_ns; /* when they began */
    int phase;                  /* the next one: the first, if the last turn came to its end */
    struct spent spent[LOOP_PHASES];

    int64_t base_ms; /* when tick 0 was */
    uint64_t tick;   /* all timers due at or before it have left the wheel */
    uint64_t occupied[LEVELS];
    struct link slots[LEVELS][SLOTS];
    struct link overdue; /* set to a time in the past */

    struct link deferred, deferred_next;
    struct loop_deferred *running;

    struct loop_watch waker; /* an eventfd */
    bool said_sleeping;
    _Alignas(64) atomic_int state; /* on a cache line of its own: producers write it */
};

/* --- clocks --- */

static int64_t clock_us(clockid_t clock) {
    struct timespec t;
    CHECK(clock_gettime(clock, &t) == 0);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint64_t clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void loop_step_begin(struct loop *loop) {
    loop->step_ns = loop->phase_ns = clock_ns();
}

bool loop_step_end(struct loop *loop, struct spent *spent) {
    uint64_t now_ns = clock_ns();
    uint32_t took_ns = (uint32_t)(now_ns - loop->step_ns);
    loop->step_ns = now_ns;
    spent->count++;
    spent->ns += took_ns;
    if (took_ns > spent->longest_ns) spent->longest_ns = took_ns;
    return loop->share_ns == 0 || now_ns - loop->phase_ns < loop->share_ns;
}

bool loop_phase_is_long(const struct loop *loop) {
    return loop->share_ns && loop->step_ns - loop->phase_ns > 2 * (uint64_t)loop->share_ns;
}

bool loop_step_is_long(const struct loop *loop) {
    return loop->share_ns && clock_ns() - loop->step_ns > loop->share_ns / 2;
}

void loop_spent_clear(struct loop *loop) {
    memset(loop->spent, 0, sizeof loop->spent);
}

const struct spent *loop_spent(const struct loop *loop) {
    return loop->spent;
}

void loop_set_share(struct loop *loop, uint32_t share_ns) {
    loop->share_ns = share_ns;
}

static void loop_clocks_read(struct loop *loop) {
    if (loop->simulated) return;
    loop->now_ms = clock_us(CLOCK_MONOTONIC) / 1000;
    loop->wall_us = clock_us(CLOCK_REALTIME);
}

int64_t loop_now_ms(const struct loop *loop) {
    return loop->now_ms;
}

int64_t loop_wall_us(const struct loop *loop) {
    return loop->wall_us;
}

void loop_simulate(struct loop *loop, int64_t now_ms, int64_t wall_us) {
    if (!loop->simulated) loop->base_ms = now_ms;
    loop->simulated = true;
    loop->now_ms = now_ms;
    loop->wall_us = wall_us;
}

/* --- life --- */

/* The eventfd is edge-triggered and never read: each write is one edge. */
static void waker_ready(struct loop_watch *watch, uint32_t events) {
    (void)watch;
    (void)events;
}

struct loop *loop_new(void) {
    struct loop *loop = aligned_alloc(64, (sizeof(struct loop) + 63) / 64 * 64);
    CHECK(loop != NULL);
    *loop = (struct loop){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    CHECK(loop->epoll_fd >= 0);
    loop_clocks_read(loop);
    loop->base_ms = loop->now_ms;
    for (int level = 0; level < LEVELS; level++)
        for (int slot = 0; slot < SLOTS; slot++) list_init(&loop->slots[level][slot]);
    list_init(&loop->overdue);
    list_init(&loop->deferred);
    list_init(&loop->deferred_next);
    atomic_init(&loop->state, AWAKE);
    loop->waker = (struct loop_watch){eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), waker_ready};
    CHECK(loop->waker.fd >= 0);
    CHECK(loop_add(loop, &loop->waker, EPOLLIN | EPOLLET) == 0);
    return loop;
}

void loop_free(struct loop **loop) {
    if (!*loop) return;
    close((*loop)->waker.fd);
    close((*loop)->epoll_fd);
    free(*loop);
    *loop = NULL;
}

/* --- watches --- */

int loop_add(struct loop *loop, struct loop_watch *watch, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = watch};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) == 0 ? 0 : ERR_IO;
}

void loop_mod(struct loop *loop, struct loop_watch *watch, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = watch};
    CHECK(epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) == 0);
}

void loop_del(struct loop *loop, struct loop_watch *watch) {
    struct epoll_event unused = {0};
    CHECK(epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, &unused) == 0);
    for (int i = loop->batch_at; i < loop->batch_len; i++)
        if (loop->batch[i].data.ptr == watch) loop->batch[i].data.ptr = NULL;
}

/* What is left when the share is used up stays in hand, and comes first in the next turn: so everybody has his go. */
static void loop_run_batch(struct loop *loop) {
    loop_step_begin(loop);
    while (loop->batch_at < loop->batch_len) {
        struct epoll_event *event = &loop->batch[loop->batch_at++];
        struct loop_watch *watch = event->data.ptr;
        if (watch) watch->ready(watch, event->events);
        if (!loop_step_end(loop, &loop->spent[LOOP_EVENTS])) return;
    }
}

/* --- timers --- */

/* The first tick that is not before due_ms. */
static uint64_t tick_of(const struct loop *loop, int64_t due_ms) {
    if (due_ms <= loop->base_ms) return 0;
    uint64_t tick = ((uint64_t)(due_ms - loop->base_ms) + TICK_MS - 1) / TICK_MS;
    return tick < TICK_LAST ? tick : TICK_LAST;
}

static void timer_place(struct loop *loop, struct loop_timer *timer) {
    uint64_t tick = tick_of(loop, timer->due_ms);
    if (tick <= loop->tick) {
        list_append(&loop->overdue, &timer->link);
        return;
    }
    int level = (63 - __builtin_clzll(tick ^ loop->tick)) / SLOT_BITS;
    unsigned slot = (unsigned)(tick >> (level * SLOT_BITS)) % SLOTS;
    list_append(&loop->slots[level][slot], &timer->link);
    loop->occupied[level] |= UINT64_C(1) << slot;
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_ms) {
    if (due_ms < 1) due_ms = 1;
    bool in_wheel = timer->due_ms != 0, later = due_ms >= timer->due_ms;
    timer->due_ms = due_ms;
    if (in_wheel && later) return;
    if (in_wheel) list_remove(&timer->link);
    timer_place(loop, timer);
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer) {
    (void)loop;
    if (timer->due_ms == 0) return;
    list_remove(&timer->link);
    timer->due_ms = 0;
}

/* The next tick at which a slot must be looked at: to fire it, or to spread it over the lower levels. UINT64_MAX:
 * none. */
static uint64_t wheel_next(struct loop *loop) {
    for (int level = 0; level < LEVELS; level++) {
        while (loop->occupied[level]) {
            int slot = __builtin_ctzll(loop->occupied[level]);
            int shift = level * SLOT_BITS;
            if (!list_empty(&loop->slots[level][slot]))
                return (loop->tick >> (shift + SLOT_BITS) << (shift + SLOT_BITS)) | ((uint64_t)slot << shift);
            loop->occupied[level] &= loop->occupied[level] - 1;
        }
    }
    return UINT64_MAX;
}

/* Empties the slots that begin at the tick of the hand; what is not due finds a lower one, the rest becomes overdue. */
static void wheel_spread(struct loop *loop) {
    for (int level = LEVELS - 1; level >= 0; level--) {
        int shift = level * SLOT_BITS;
        if (loop->tick & ((UINT64_C(1) << shift) - 1)) continue;
        unsigned slot = (unsigned)(loop->tick >> shift) % SLOTS;
        loop->occupied[level] &= ~(UINT64_C(1) << slot);
        struct link *head = &loop->slots[level][slot], *link;
        while ((link = list_pop(head))) timer_place(loop, CONTAINER_OF(link, struct loop_timer, link));
    }
}

static void loop_run_timers(struct loop *loop) {
    uint64_t target = (uint64_t)(loop->now_ms - loop->base_ms) / TICK_MS;
    for (uint64_t next; (next = wheel_next(loop)) <= target;) {
        loop->tick = next;
        wheel_spread(loop);
    }
    if (loop->tick < target) loop->tick = target;

    loop_step_begin(loop);
    bool goes_on = true;
    struct link due, *link; /* apart, so that a timer which sets itself into the past waits for the next turn */
    list_init(&due);
    while ((link = list_pop(&loop->overdue))) list_append(&due, link);
    while (goes_on && (link = list_pop(&due))) {
        struct loop_timer *timer = CONTAINER_OF(link, struct loop_timer, link);
        if (timer->due_ms > loop->now_ms) { /* moved to later meanwhile */
            timer_place(loop, timer);
            continue;
        }
        timer->due_ms = 0;
        timer->fire(timer, loop->now_ms);
        goes_on = loop_step_end(loop, &loop->spent[LOOP_TIMERS]);
    }
    list_prepend_all(&loop->overdue, &due);
}

/* --- deferred work --- */

void loop_defer(struct loop *loop, struct loop_deferred *deferred) {
    if (loop_is_deferred(deferred)) return;
    list_append(deferred == loop->running ? &loop->deferred_next : &loop->deferred, &deferred->link);
}

void loop_undefer(struct loop *loop, struct loop_deferred *deferred) {
    (void)loop;
    if (loop_is_deferred(deferred)) list_remove(&deferred->link);
}

bool loop_has_deferred(const struct loop *loop) {
    return !list_empty(&loop->deferred);
}

/* What a deferred asks for another one runs in this turn, what it asks for itself in the next; so does what is left
 * after some rounds. */
static void loop_run_deferred(struct loop *loop) {
    loop_step_begin(loop);
    bool goes_on = true;
    struct link round, *link;
    list_init(&round);
    for (int pass = 0; goes_on && pass < DEFER_PASSES_MAX && !list_empty(&loop->deferred); pass++) {
        list_append_all(&round, &loop->deferred);
        while (goes_on && (link = list_pop(&round))) {
            struct loop_deferred *deferred = CONTAINER_OF(link, struct loop_deferred, link);
            loop->running = deferred;
            deferred->run(deferred);
            loop->running = NULL;
            goes_on = loop_step_end(loop, &loop->spent[LOOP_DEFERRED]);
        }
        list_prepend_all(&loop->deferred, &round);
    }
    list_append_all(&loop->deferred, &loop->deferred_next);
}

/* --- sleeping and the turn --- */

void loop_wake(struct loop *loop) {
    if (atomic_exchange_explicit(&loop->state, AWAKE, memory_order_acq_rel) != SLEEPING) return;
    uint64_t one = 1;
    ssize_t written = write(loop->waker.fd, &one, sizeof(one));
    CHECK(written == (ssize_t)sizeof(one) || errno == EAGAIN);
}

void loop_sleeping(struct loop *loop) {
    loop->said_sleeping = true;
    atomic_exchange_explicit(&loop->state, SLEEPING, memory_order_acq_rel);
}

/* How long epoll may wait; -1: for ever. */
static int loop_patience_ms(struct loop *loop) {
    if (!list_empty(&loop->overdue) || !list_empty(&loop->deferred) || loop->batch_at < loop->batch_len) return 0;
    uint64_t next = wheel_next(loop);
    if (next == UINT64_MAX) return -1;
    int64_t wait_ms = loop->base_ms + (int64_t)next * TICK_MS - clock_us(CLOCK_MONOTONIC) / 1000;
    if (wait_ms < 0) return 0;
    return wait_ms < SLEEP_MAX_MS ? (int)wait_ms : SLEEP_MAX_MS;
}

static void loop_take_events(struct loop *loop, int wait_ms) {
    int n = epoll_wait(loop->epoll_fd, loop->batch, BATCH_MAX, wait_ms);
    CHECK(n >= 0 || errno == EINTR);
    loop->batch_at = 0;
    loop->batch_len = n > 0 ? n : 0;
}

void loop_turn(struct loop *loop, bool busy) {
    int wait_ms = busy ? 0 : loop_patience_ms(loop);
    if (wait_ms != 0 && !loop->said_sleeping) loop_sleeping(loop);
    if (loop->batch_at == loop->batch_len) loop_take_events(loop, wait_ms);
    if (loop->said_sleeping) atomic_exchange_explicit(&loop->state, AWAKE, memory_order_acq_rel);
    loop->said_sleeping = false;

    loop_clocks_read(loop);
    static void (*const phases[LOOP_PHASES])(struct loop *) = {
        [LOOP_EVENTS] = loop_run_batch, [LOOP_TIMERS] = loop_run_timers, [LOOP_DEFERRED] = loop_run_deferred};
    uint64_t began_ns = clock_ns();
    do { /* one at least; where it stops the next turn begins */
        phases[loop->phase](loop);
        loop->phase = (loop->phase + 1) % LOOP_PHASES;
    } while (loop->phase && !(loop->share_ns && loop->step_ns - began_ns > loop->share_ns));
}
