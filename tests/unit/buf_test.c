#include "base/buf.h"
#include "unit.h"

static void holds_nothing_when_free(void **state) {
    (void)state;
    struct buf b = BUF_INIT;
    assert_non_null(buf_str(&b).p);
    BUF_ADD_LIT(&b, "abc");
    assert_str(buf_str(&b), "abc");
    buf_free(&b);
    assert_null(b.b);
    buf_free(&b);
    buf_printf(&b, "%s=%d", "n", 5);
    assert_str(buf_str(&b), "n=5");
    buf_clear(&b);
    assert_true(buf_len(&b) == 0 && buf_cap(&b) > 0);
    buf_free(&b);
}

/* Whether there is room for it, for all but its NUL, or none. */
static void prints_behind_what_it_holds(void **state) {
    (void)state;
    for (size_t before = 0; before < 600; before++) {
        struct buf b = BUF_INIT;
        for (size_t i = 0; i < before; i++) buf_add_char(&b, '.');
        buf_printf(&b, "%s=%d", "some", 12345);
        assert_int_equal(buf_len(&b), before + 10);
        assert_str(str_from(buf_str(&b), before), "some=12345");
        buf_free(&b);
    }
}

/* Against a plain array: random additions and removals. */
static void content_survives(void **state) {
    (void)state;
    struct buf b = BUF_INIT;
    static char model[1 << 20];
    size_t head = 0, tail = 0;
    unsigned seed = 1;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 1103515245 + 12345;
        size_t n = (seed >> 8) % 100;
        if (seed & 0x10000 && tail + n < sizeof model) {
            for (size_t k = 0; k < n; k++) model[tail + k] = (char)(seed + k);
            memcpy(buf_reserve(&b, n), model + tail, n);
            buf_commit(&b, n);
            tail += n;
        } else {
            if (n > tail - head) n = tail - head;
            buf_consume(&b, n);
            head += n;
        }
        assert_true(!b.b || (b.b->head <= b.b->tail && b.b->tail <= b.b->cap));
        assert_int_equal(buf_len(&b), tail - head);
        assert_memory_equal(buf_str(&b).p, model + head, tail - head);
    }
    assert_true(buf_cap(&b) < 1 << 16); /* room at the front is used again */
    buf_free(&b);
}

static void what_is_cut(void **state) {
    (void)state;
    struct buf b = BUF_INIT;
    buf_cut(&b, 0);
    BUF_ADD_LIT(&b, "abcdef");
    buf_consume(&b, 2);
    buf_cut(&b, 3);
    assert_str(buf_str(&b), "cde");
    BUF_ADD_LIT(&b, "x");
    assert_str(buf_str(&b), "cdex");
    buf_free(&b);
}

static void one_by_one(void **state) {
    (void)state;
    struct buf b = BUF_INIT;
    for (int i = 0; i < 1000; i++) buf_add_char(&b, (char)i);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(buf_str(&b).p[0], (char)i);
        buf_consume(&b, 1);
    }
    assert_int_equal(b.b->head, 0);
    buf_add_str(&b, STR_NONE);
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_nothing_when_free),
        cmocka_unit_test(prints_behind_what_it_holds),
        cmocka_unit_test(content_survives),
        cmocka_unit_test(what_is_cut),
        cmocka_unit_test(one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
