#include "base/ordered.h"
#include "unit.h"

static void rising_and_from_the_front(void **state) {
    (void)state;
    struct ordered o = {0};
    assert_null(ordered_first(&o));
    assert_null(ordered_find(&o, 1));
    int64_t first = 0, next = 0;
    for (int round = 0; round < 3; round++) { /* the window slides, so items move down within the array */
        for (int i = 0; i < 3000; i++) {
            ordered_add(&o, next * 3)->holders = (uint32_t)next;
            next++;
            if (i % 3) ordered_pop(&o), first++;
        }
        assert_int_equal(ordered_count(&o), next - first);
        for (int64_t k = first; k < next; k++) {
            assert_int_equal(ordered_find(&o, k * 3)->holders, k);
            assert_null(ordered_find(&o, k * 3 + 1));
        }
        assert_null(ordered_find(&o, first * 3 - 1));
        assert_int_equal(ordered_first(&o)->key, first * 3);
    }
    assert_true(o.row->cap <= 8192);
    while (ordered_first(&o)) ordered_pop(&o);
    assert_null(o.row); /* a burst leaves nothing behind */
    ordered_free(&o);
}

static void in_the_middle(void **state) {
    (void)state;
    struct ordered o = {0};
    int thing;
    for (int64_t k = 0; k < 100; k++) ordered_add(&o, k * 7 % 100)->thing = &thing;
    for (int64_t k = 0; k < 100; k++) {
        assert_int_equal(ordered_first(&o)->key, k);
        assert_ptr_equal(ordered_first(&o)->thing, &thing);
        assert_int_equal(ordered_first(&o)->holders, 0);
        ordered_pop(&o);
    }
    ordered_free(&o);
}

static void done_is_a_prefix(void **state) {
    (void)state;
    struct ordered o = {0};
    for (int64_t k = 1; k <= 4; k++) ordered_add(&o, k);
    ordered_find(&o, 2)->done = true;
    assert_int_equal(ordered_pop_done(&o), 0);
    ordered_find(&o, 1)->done = true;
    assert_int_equal(ordered_pop_done(&o), 2);
    assert_int_equal(ordered_first(&o)->key, 3);
    ordered_find(&o, 3)->done = ordered_find(&o, 4)->done = true;
    assert_int_equal(ordered_pop_done(&o), 2);
    assert_null(ordered_first(&o));
    ordered_free(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rising_and_from_the_front),
        cmocka_unit_test(in_the_middle),
        cmocka_unit_test(done_is_a_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
