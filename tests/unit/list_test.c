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

static void assert_holds(const struct link *head, const int *numbers, int count) {
    const struct link *at = head;
    for (int i = 0; i < count; i++) {
        assert_ptr_equal(at->next->prev, at);
        at = at->next;
        assert_int_equal(CONTAINER_OF(at, struct item, link)->n, numbers[i]);
    }
    assert_ptr_equal(at->next, head);
    assert_ptr_equal(head->prev, at);
}

static void rings_are_joined(void **state) {
    (void)state;
    struct link a, b;
    struct item items[4] = {{.n = 0}, {.n = 1}, {.n = 2}, {.n = 3}};
    list_init(&a), list_init(&b);
    list_append_all(&a, &b); /* nothing to nothing */
    assert_true(list_empty(&a) && list_empty(&b));
    for (int i = 0; i < 2; i++) list_append(&a, &items[i].link);
    for (int i = 2; i < 4; i++) list_append(&b, &items[i].link);
    list_append_all(&a, &b);
    assert_holds(&a, (const int[]){0, 1, 2, 3}, 4);
    list_append_all(&a, &b);
    list_append_all(&b, &a);
    assert_holds(&b, (const int[]){0, 1, 2, 3}, 4);
    assert_true(list_empty(&a));
    list_append(&a, list_pop(&b));
    list_prepend_all(&a, &b);
    assert_holds(&a, (const int[]){1, 2, 3, 0}, 4);
    assert_true(list_empty(&b));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(order_and_removal), cmocka_unit_test(rings_are_joined)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
