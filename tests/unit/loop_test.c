/*
 * loop_test.c: watches, timers, deferred work, waking. The loop's source is included here so that its clock can be put
 * forward: the wheel's upper levels turn once in days. CONFAB_SEED=N replays a random test.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static int64_t clock_offset_ms;

static int shifted_clock_gettime(clockid_t clock, struct timespec *out) {
    int result = clock_gettime(clock, out);
    out->tv_sec += clock_offset_ms / 1000;
    out->tv_nsec += clock_offset_ms % 1000 * 1000000;
    if (out->tv_nsec >= 1000000000) out->tv_sec++, out->tv_nsec -= 1000000000;
    return result;
}

#define clock_gettime shifted_clock_gettime
#include "net/loop.c"
#undef clock_gettime

static struct loop *loop;

static int set_up(void **state) {
    (void)state;
    loop = loop_new();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    loop_free(&loop);
    assert_null(loop);
    loop_free(&loop);
    return 0;
}

/* --- timers --- */

struct alarm_clock {
    struct loop_timer timer;
    int64_t due_ms, fired_ms; /* due 0: must not fire */
    int count;
    struct alarm_clock *other; /* what on_other does is done to it */
    void (*on_other)(struct alarm_clock *other);
};

static void alarm_fire(struct loop_timer *timer, int64_t now_ms) {
    struct alarm_clock *a = CONTAINER_OF(timer, struct alarm_clock, timer);
    assert_int_equal(timer->due_ms, 0);
    a->fired_ms = now_ms;
    a->count++;
    if (a->on_other) a->on_other(a->other);
}

static uint64_t seed;

static uint64_t next_random(void) { /* xorshift64* */
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * UINT64_C(2685821657736338717);
}

static void alarm_set(struct alarm_clock *a, int64_t due_ms) {
    a->due_ms = due_ms;
    a->count = 0;
    loop_timer_set(loop, &a->timer, due_ms);
}

/* From now, any distance from the past to a year, near ones more often. */
static int64_t random_due(void) {
    return loop_now_ms(loop) - 20 + (int64_t)(next_random() % (UINT64_C(1) << (next_random() % 36)));
}

static void alarms_check(const struct alarm_clock *alarms, int n) {
    int64_t now_ms = loop_now_ms(loop);
    for (int i = 0; i < n; i++) {
        const struct alarm_clock *a = &alarms[i];
        if (a->count > (a->due_ms != 0)) fail_msg("alarm %d fired %d times", i, a->count);
        if (a->count && a->fired_ms < a->due_ms)
            fail_msg("alarm %d is %ld ms early", i, (long)(a->due_ms - a->fired_ms));
        if (a->due_ms && !a->count && a->due_ms + TICK_MS <= now_ms) fail_msg("alarm %d is late", i);
    }
}

static void test_timers_at_random(void **state) {
    (void)state;
    const char *text = getenv("CONFAB_SEED");
    uint64_t first_seed = text ? strtoull(text, NULL, 10) : (uint64_t)time(NULL) * 2654435761u + 1;
    seed = first_seed;
    print_message("replay: CONFAB_SEED=%llu loop_test\n", (unsigned long long)first_seed);
    enum { COUNT = 500, STEPS = 3000 };
    static struct alarm_clock alarms[COUNT];
    for (int i = 0; i < COUNT; i++) alarms[i] = (struct alarm_clock){.timer.fire = alarm_fire};
    for (int step = 0; step < STEPS; step++) {
        for (int k = 0; k < 8; k++) {
            struct alarm_clock *a = &alarms[next_random() % COUNT];
            if (next_random() % 4) {
                alarm_set(a, random_due());
            } else {
                loop_timer_cancel(loop, &a->timer);
                a->due_ms = a->count = 0;
            }
        }
        clock_offset_ms += (int64_t)(next_random() % (UINT64_C(1) << (next_random() % 27)));
        loop_turn(loop, true);
        loop_turn(loop, true); /* what was set into the past has fired, too */
        alarms_check(alarms, COUNT);
    }
    for (int i = 0; i < COUNT; i++) loop_timer_cancel(loop, &alarms[i].timer);
}

static void cancel_it(struct alarm_clock *a) {
    loop_timer_cancel(loop, &a->timer);
}

static void move_it_far(struct alarm_clock *a) {
    loop_timer_set(loop, &a->timer, loop_now_ms(loop) + 1000000);
}

static void set_it_into_the_past(struct alarm_clock *a) {
    loop_timer_set(loop, &a->timer, 1);
}

static void test_timers_that_touch_timers(void **state) {
    (void)state;
    struct alarm_clock a = {.timer.fire = alarm_fire}, b = {.timer.fire = alarm_fire}, c = {.timer.fire = alarm_fire};
    int64_t due_ms = loop_now_ms(loop) + 100;
    a.other = &b, a.on_other = cancel_it;
    b.other = &c, b.on_other = move_it_far;
    alarm_set(&a, due_ms), alarm_set(&b, due_ms), alarm_set(&c, due_ms);
    clock_offset_ms += 200;
    loop_turn(loop, true);
    assert_int_equal(a.count, 1);
    assert_int_equal(b.count, 0); /* a cancelled it in the same turn */
    assert_int_equal(c.count, 1);

    alarm_set(&b, due_ms), alarm_set(&c, due_ms);
    loop_turn(loop, true);
    assert_int_equal(b.count, 1);
    assert_int_equal(c.count, 0); /* b moved it in the same turn */
    clock_offset_ms += 1000100;
    loop_turn(loop, true);
    assert_int_equal(c.count, 1);

    c.other = &c, c.on_other = set_it_into_the_past;
    alarm_set(&c, 1);
    for (int turn = 1; turn <= 3; turn++) { /* once a turn, and the loop does not sleep on it */
        loop_turn(loop, false);
        assert_int_equal(c.count, turn);
    }
    loop_timer_cancel(loop, &c.timer);
    loop_timer_cancel(loop, &c.timer);
}

static void test_sleeps_until_a_timer(void **state) {
    (void)state;
    struct alarm_clock a = {.timer.fire = alarm_fire};
    loop_turn(loop, true);
    int64_t before_ms = loop_now_ms(loop);
    alarm_set(&a, before_ms + 30);
    int turns = 0;
    while (!a.count) loop_turn(loop, false), turns++;
    assert_true(a.fired_ms >= before_ms + 30);
    assert_true(turns < 10);
    assert_true(loop_wall_us(loop) > INT64_C(1600000000) * 1000000);
}

/* --- watches --- */

struct ear {
    struct loop_watch watch;
    int count;
    struct ear *other;
    void (*on_other)(struct ear *other);
};

static void ear_ready(struct loop_watch *watch, uint32_t events) {
    struct ear *ear = CONTAINER_OF(watch, struct ear, watch);
    assert_true(events & EPOLLIN);
    ear->count++;
    if (ear->on_other) ear->on_other(ear->other);
}

static void deafen(struct ear *ear) {
    loop_del(loop, &ear->watch);
}

static void renew(struct ear *ear) {
    loop_del(loop, &ear->watch);
    assert_int_equal(loop_add(loop, &ear->watch, EPOLLIN), 0);
}

static void test_stale_events_never_fire(void **state) {
    (void)state;
    int pair[2][2];
    struct ear ears[2] = {0};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair[i]), 0);
        ears[i] = (struct ear){.watch = {pair[i][0], ear_ready}, .other = &ears[1 - i], .on_other = deafen};
        assert_int_equal(loop_add(loop, &ears[i].watch, EPOLLIN), 0);
        assert_int_equal(write(pair[i][1], "x", 1), 1);
    }
    loop_turn(loop, false);
    assert_int_equal(ears[0].count + ears[1].count, 1); /* whoever came first has removed the other */
    struct ear *left = ears[0].count ? &ears[0] : &ears[1], *gone = left->other;
    assert_int_equal(loop_add(loop, &gone->watch, EPOLLIN), 0);
    left->on_other = gone->on_other = renew; /* the same address again: the event in hand is the old one's */
    loop_turn(loop, false);
    assert_int_equal(ears[0].count + ears[1].count, 2);
    left->on_other = gone->on_other = NULL;
    loop_turn(loop, false);
    assert_int_equal(ears[0].count + ears[1].count, 4);
    loop_mod(loop, &left->watch, EPOLLOUT | EPOLLET);
    loop_mod(loop, &gone->watch, 0);
    loop_del(loop, &left->watch);
    loop_del(loop, &gone->watch);
    for (int i = 0; i < 2; i++) close(pair[i][0]), close(pair[i][1]);
}

static void test_add_fails_in_order(void **state) {
    (void)state;
    struct ear ear = {.watch = {-1, ear_ready}};
    assert_int_equal(loop_add(loop, &ear.watch, EPOLLIN), ERR_IO);
}

/* --- deferred work --- */

struct job {
    struct loop_deferred deferred;
    int count;
    struct job *then;
};

static void job_run(struct loop_deferred *deferred) {
    struct job *job = CONTAINER_OF(deferred, struct job, deferred);
    job->count++;
    if (job->then) loop_defer(loop, &job->then->deferred);
}

static void test_deferred(void **state) {
    (void)state;
    struct job a = {.deferred.run = job_run}, b = {.deferred.run = job_run}, self = {.deferred.run = job_run};
    a.then = &b;
    self.then = &self;
    loop_defer(loop, &a.deferred);
    loop_defer(loop, &a.deferred);
    loop_turn(loop, false); /* does not sleep: something waits */
    assert_int_equal(a.count, 1);
    assert_int_equal(b.count, 1); /* in the same turn */
    loop_defer(loop, &a.deferred);
    loop_undefer(loop, &a.deferred);
    loop_undefer(loop, &a.deferred);
    loop_turn(loop, true);
    assert_int_equal(a.count, 1);
    loop_defer(loop, &self.deferred);
    for (int turn = 1; turn <= 3; turn++) { /* what asks for itself: once a turn */
        loop_turn(loop, false);
        assert_int_equal(self.count, turn);
    }
    loop_undefer(loop, &self.deferred);
    a.then = &b, b.then = &a;
    loop_defer(loop, &a.deferred);
    loop_turn(loop, false); /* two that ask for each other do not hold the loop for ever */
    assert_true(a.count < 20);
    loop_undefer(loop, &a.deferred);
    loop_undefer(loop, &b.deferred);
}

/* --- shares --- */

/* With a share that every step uses up: one step a turn, in order, and everybody has his go. */
static void test_shares(void **state) {
    (void)state;
    enum { N = 3, TURNS = 90 };
    struct job jobs[N] = {0}, left = {.deferred.run = job_run};
    struct alarm_clock alarms[N] = {0};
    static struct ear listeners[N];
    int pipes[N][2];
    loop_set_share(loop, 1);
    for (int i = 0; i < N; i++) {
        jobs[i] = (struct job){.deferred.run = job_run};
        loop_defer(loop, &jobs[i].deferred);
        if (i == 1) loop_defer(loop, &left.deferred);
        alarms[i] = (struct alarm_clock){.timer.fire = alarm_fire};
        alarm_set(&alarms[i], loop_now_ms(loop) - 10);
        assert_int_equal(pipe(pipes[i]), 0);
        assert_int_equal(write(pipes[i][1], "x", 1), 1);
        listeners[i] = (struct ear){.watch = {pipes[i][0], ear_ready}};
        assert_int_equal(loop_add(loop, &listeners[i].watch, EPOLLIN), 0);
    }
    int done = 0, rung = 0;
    for (int turn = 0; turn < TURNS; turn++) {
        loop_spent_clear(loop);
        loop_turn(loop, false);
        const struct spent *spent = loop_spent(loop);
        assert_true(spent[LOOP_EVENTS].count + spent[LOOP_TIMERS].count + spent[LOOP_DEFERRED].count <= 1);
        if (done < N && jobs[done].count) done++;
        if (rung < N && alarms[rung].count) rung++;
        for (int i = done; i < N; i++) assert_int_equal(jobs[i].count, 0);
        for (int i = rung; i < N; i++) assert_int_equal(alarms[i].count, 0);
        if (done == 1) loop_undefer(loop, &left.deferred); /* while it waits for a turn */
    }
    assert_int_equal(done, N);
    assert_int_equal(rung, N);
    assert_int_equal(left.count, 0);
    int least = listeners[0].count, most = least;
    for (int i = 0; i < N; i++) {
        if (listeners[i].count < least) least = listeners[i].count;
        if (listeners[i].count > most) most = listeners[i].count;
        loop_del(loop, &listeners[i].watch);
        close(pipes[i][0]), close(pipes[i][1]);
    }
    assert_true(least >= TURNS / N / N - 3 && most - least <= 1);
}

/* --- waking --- */

struct inbox {
    _Atomic(uintptr_t) pushed; /* a mailbox of which only the count matters */
    atomic_bool done;
};

static void *producer_run(void *arg) {
    struct inbox *inbox = arg;
    for (int i = 0; i < 20000; i++) {
        atomic_fetch_add_explicit(&inbox->pushed, 1, memory_order_release);
        loop_wake(loop);
        if (i % 64 == 0) usleep(20);
    }
    return NULL;
}

/* If a single wake were lost, the last turn would sleep for ever: there is no timer. */
static void test_no_wake_is_lost(void **state) {
    (void)state;
    struct inbox inbox = {0};
    pthread_t producers[2];
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&producers[i], NULL, producer_run, &inbox), 0);
    uintptr_t taken = 0;
    long turns = 0;
    while (taken < 40000) {
        loop_sleeping(loop);
        uintptr_t got = atomic_exchange_explicit(&inbox.pushed, 0, memory_order_acquire);
        taken += got;
        if (taken < 40000) loop_turn(loop, got > 0), turns++;
    }
    for (int i = 0; i < 2; i++) pthread_join(producers[i], NULL);
    print_message("%ld turns for 40000 wakes\n", turns);
}

int main(void) {
    alarm(100);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_timers_at_random, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timers_that_touch_timers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sleeps_until_a_timer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stale_events_never_fire, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_add_fails_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deferred, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shares, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_wake_is_lost, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
