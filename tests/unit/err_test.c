#include "base/err.h"
#include "unit.h"

static void names_and_texts(void **state) {
    (void)state;
    assert_string_equal(err_name(0), "OK");
    assert_string_equal(err_name(ERR_AGAIN), "AGAIN");
    assert_string_equal(err_name(ERR_UNSUPPORTED), "UNSUPPORTED");
    assert_string_equal(err_text(ERR_NOT_FOUND), "no such thing");
    const int none[] = {1, -1, ERR_BASE_, ERR_UNSUPPORTED + 1, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) assert_string_equal(err_name(none[i]), "UNKNOWN");
    for (int e = ERR_AGAIN; e <= ERR_UNSUPPORTED; e++) assert_true(e < 0 && *err_text(e));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_and_texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
