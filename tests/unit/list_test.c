#include "base/list.h"
#include "unit.h"

struct item {
    int n;
    struct link link;
};

static void order_and_removal(void **state) {
    (void)state;
    struct link head;
    struct item items[4] = {{.n = 0}, {.n = 1}, {.n = 2}, {.n = 3}};
    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(list_pop(&head));
    for (int i = 1; i < 4; i++) list_append(&head, &items[i].link);
    list_prepend(&head, &items[0].link);
    int expected = 0;
    LIST_EACH (&head, at, after) {
        struct item *item = CONTAINER_OF(at, struct item, link);
        assert_int_equal(item->n, expected++);
        if (item->n % 2) list_remove(at);
    }
    assert_int_equal(expected, 4);
    list_remove(&items[1].link); /* once more */
    assert_ptr_equal(list_pop(&head), &items[0].link);
    assert_ptr_equal(list_pop(&head), &items[2].link);
    assert_true(list_empty(&head) && list_empty(&items[2].link));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(order_and_removal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
