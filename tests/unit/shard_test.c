/* shard_test.c: places on threads: messages go round, everything posted before a stop is handled, sleepers are woken. */
#include "unit.h"

#include <unistd.h>

#include "shard/shard.h"

#define PLACES 4

struct ball {
    struct msg_call call;
    int hops;
};

static struct hub hub;
static atomic_int landed, handled;

static void on_call(struct turn *turn, struct msg *msg) {
    ((struct msg_call *)msg)->run(turn, (struct msg_call *)msg);
}
static const msg_handler handlers[MSG_TYPES] = {[MSG_CALL] = on_call};

static void ball_fly(struct turn *turn, struct msg_call *call) {
    struct ball *ball = (struct ball *)call;
    assert_ptr_equal(turn, &turn->shard->turn);
    arena_alloc(turn->arena, 100);
    if (ball->hops-- == 0) {
        free(ball);
        atomic_fetch_add(&landed, 1);
        return;
    }
    shard_post(hub.places[(turn->shard->index + 1) % PLACES], &call->msg);
}

static void ball_throw(int hops, struct shard *to) {
    struct ball *ball = msg_new(MSG_CALL, sizeof *ball, 0);
    ball->call.run = ball_fly;
    ball->hops = hops;
    shard_post(to, &ball->call.msg);
}

static void count_one(struct turn *turn, struct msg_call *call) {
    (void)turn;
    free(call);
    atomic_fetch_add(&handled, 1);
}

static void wait_for(atomic_int *what, int value) {
    for (int ms = 0; ms < 20000 && atomic_load(what) < value; ms++) usleep(1000);
    assert_int_equal(atomic_load(what), value);
}

static int places_start(void **state) {
    (void)state;
    hub = (struct hub){0};
    for (int i = 0; i < PLACES; i++) shard_new(&hub, i == PLACES - 1, handlers);
    assert_int_equal(hub.shard_count, PLACES - 1);
    assert_int_equal(hub.gate_count, 1);
    for (int i = 0; i < PLACES; i++) assert_int_equal(shard_start(hub.places[i]), 0);
    return 0;
}

static int places_stop(void **state) {
    (void)state;
    for (int i = 0; i < PLACES; i++) shard_stop(hub.places[i]);
    for (int i = 0; i < PLACES; i++) shard_join(hub.places[i]);
    for (int i = 0; i < PLACES; i++) {
        struct shard *place = hub.places[i];
        shard_free(&place);
        assert_null(place);
    }
    return 0;
}

static void test_balls_go_round(void **state) {
    (void)state;
    atomic_store(&landed, 0);
    for (int i = 0; i < 50; i++) ball_throw(1000, hub.places[i % PLACES]);
    wait_for(&landed, 50);
    uint64_t messages = 0;
    for (int i = 0; i < PLACES; i++) {
        messages += atomic_load(&hub.places[i]->messages);
        assert_true(atomic_load(&hub.places[i]->turns) > 0);
        assert_true(gauge_bytes(&hub.places[i]->box.waiting) < 1000);
    }
    assert_in_range(messages, 50 * 1000, 50 * 1001);
}

static void test_a_sleeper_is_woken(void **state) {
    (void)state;
    for (int i = 0; i < 50; i++) {
        atomic_store(&landed, 0);
        usleep((useconds_t)i % 5 * 300);
        ball_throw(0, hub.places[i % PLACES]);
        wait_for(&landed, 1);
    }
}

static void test_what_was_posted_before_a_stop_is_handled(void **state) {
    (void)state;
    atomic_store(&handled, 0);
    for (int i = 0; i < 1000; i++) {
        struct msg_call *call = msg_new(MSG_CALL, sizeof *call, 0);
        call->run = count_one;
        shard_post(hub.places[0], &call->msg);
    }
    shard_stop(hub.places[0]);
    wait_for(&handled, 1000);
}

static void test_by_hand(void **state) {
    (void)state;
    struct hub alone = {0};
    struct shard *place = shard_new(&alone, false, handlers);
    struct turn *turn = turn_begin(place);
    assert_ptr_equal(turn->arena, place->arena);
    assert_true(turn->now_ms > 0 && turn->wall_us > 0);
    assert_false(shard_drain(place));
    struct msg_call *call = msg_new(MSG_CALL, sizeof *call, 5);
    assert_int_equal(call->msg.bytes, sizeof *call + 5);
    call->run = count_one;
    shard_post(place, &call->msg);
    assert_true(shard_drain(place));
    arena_alloc(turn->arena, 10);
    turn_end(place);
    assert_int_equal(arena_used(place->arena), 0);
    call = msg_new(MSG_CALL, sizeof *call, 0);
    shard_post(place, &call->msg); /* left behind: freed with the place */
    shard_free(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_balls_go_round, places_start, places_stop),
        cmocka_unit_test_setup_teardown(test_a_sleeper_is_woken, places_start, places_stop),
        cmocka_unit_test_setup_teardown(test_what_was_posted_before_a_stop_is_handled, places_start, places_stop),
        cmocka_unit_test(test_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
