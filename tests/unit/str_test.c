#include "unit.h"

static void absent_is_not_empty_but_equal(void **state) {
    (void)state;
    assert_absent(STR_NONE);
    assert_non_null(STR("").p);
    assert_true(str_eq(STR_NONE, STR("")));
    assert_false(str_some(STR("")));
    assert_int_equal(str_from(STR_NONE, 0).len, 0);
    assert_absent(str_from(STR_NONE, 3));
}

static void cutting(void **state) {
    (void)state;
    assert_str(str_from(STR("abc"), 1), "bc");
    assert_str(str_from(STR("abc"), 9), "");
    assert_str(str_first(STR("abc"), 2), "ab");
    assert_str(str_first(STR("abc"), 9), "abc");
    assert_int_equal(str_index(STR("a/b/c"), '/'), 1);
    assert_int_equal(str_index(STR("abc"), '/'), 3);
    assert_true(str_starts(STR("abc"), STR("ab")) && str_ends(STR("abc"), STR("bc")));
    assert_false(str_starts(STR("ab"), STR("abc")) || str_ends(STR("ab"), STR("abc")));
}

static void order(void **state) {
    (void)state;
    assert_true(str_cmp(STR("a"), STR("b")) < 0 && str_cmp(STR("b"), STR("a")) > 0);
    assert_true(str_cmp(STR("a"), STR("aa")) < 0 && str_cmp(STR_NONE, STR("")) == 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
}

static void numbers(void **state) {
    (void)state;
    unsigned long long n = 7;
    assert_true(str_to_u64(STR("18446744073709551615"), UINT64_MAX, &n) && n == UINT64_MAX);
    n = 7;
    const char *bad[] = {"", "-1", "+1", " 1", "1 ", "1a", "18446744073709551616", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(str_to_u64(str_c(bad[i]), UINT64_MAX, &n));
    assert_false(str_to_u64(STR("256"), 255, &n));
    assert_false(str_to_u64(STR("5"), 4, &n));
    assert_int_equal(n, 7);
    assert_true(str_to_u64(STR("00255"), 255, &n) && n == 255);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_is_not_empty_but_equal),
        cmocka_unit_test(cutting),
        cmocka_unit_test(order),
        cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
