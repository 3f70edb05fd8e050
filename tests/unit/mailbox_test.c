/* mailbox_test.c: order, counts, and several threads that push while one takes. */
#include "unit.h"

#include <pthread.h>

#include "base/check.h"
#include "shard/mailbox.h"

#define PRODUCERS 3
#define EACH 20000

struct note {
    struct msg msg;
    int number;
};

static struct mailbox box;

static struct msg *note_new(uint16_t from, int number) {
    struct note *n = calloc(1, sizeof *n);
    CHECK(n);
    n->msg.from = from;
    n->msg.bytes = 10;
    n->number = number;
    return &n->msg;
}

static void test_oldest_first(void **state) {
    (void)state;
    assert_true(mailbox_empty(&box));
    assert_null(mailbox_take(&box));
    assert_true(mailbox_push(&box, note_new(0, 1)));
    assert_false(mailbox_push(&box, note_new(0, 2)));
    assert_false(mailbox_push(&box, note_new(0, 3)));
    assert_int_equal(gauge_bytes(&box.waiting), 30);
    struct msg *m = mailbox_take(&box);
    assert_true(mailbox_empty(&box));
    for (int i = 1; i <= 3; i++) {
        struct msg *next = m->next;
        assert_int_equal(((struct note *)m)->number, i);
        mailbox_handled(&box, m->bytes);
        free(m);
        m = next;
    }
    assert_null(m);
    assert_int_equal(gauge_bytes(&box.waiting), 0);
    assert_int_equal(atomic_load(&box.posted), 3);
    assert_true(mailbox_push(&box, note_new(0, 4)));
    free(mailbox_take(&box));
}

/* What waits for a gauge is told once, when half has gone; and not by whoever finds nobody waiting. */
static void test_gauge(void **state) {
    (void)state;
    struct gauge g = {.high = 100};
    gauge_add(&g, 100);
    assert_false(gauge_is_high(&g, false));
    assert_false(gauge_take(&g, 60));
    gauge_add(&g, 61);
    assert_false(gauge_is_high(&g, true)); /* who has sent little is let by, up to twice the mark */
    assert_true(gauge_is_high(&g, false));
    assert_true(gauge_is_high(&g, false));
    assert_false(gauge_take(&g, 50));
    assert_false(gauge_is_high(&g, false)); /* those who came before go on waiting: for the other half */
    assert_true(gauge_take(&g, 1));
    assert_false(gauge_take(&g, 1));
    struct gauge unlimited = {0};
    gauge_add(&unlimited, UINT32_MAX);
    assert_false(gauge_is_high(&unlimited, false));
    assert_false(gauge_take(&unlimited, UINT32_MAX));
}

static void *produce(void *arg) {
    uint16_t from = (uint16_t)(uintptr_t)arg;
    for (int i = 0; i < EACH; i++) mailbox_push(&box, note_new(from, i));
    return NULL;
}

static void test_many_producers(void **state) {
    (void)state;
    pthread_t threads[PRODUCERS];
    int seen[PRODUCERS] = {0}, total = 0;
    for (uintptr_t i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, produce, (void *)i), 0);
    while (total < PRODUCERS * EACH) {
        for (struct msg *m = mailbox_take(&box), *next; m; m = next) {
            next = m->next;
            assert_int_equal(((struct note *)m)->number, seen[m->from]++);
            total++;
            free(m);
        }
    }
    for (int i = 0; i < PRODUCERS; i++) pthread_join(threads[i], NULL);
    assert_true(mailbox_empty(&box));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_oldest_first), cmocka_unit_test(test_gauge),
                                       cmocka_unit_test(test_many_producers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
