/* migrate_test.c: from nothing, again, from a newer program; small values by name. */
#include "store_unit.h"

static void test_again_changes_nothing(void **state) {
    struct db *db = *state;
    int64_t before = db_changes_total(db);
    assert_int_equal(migrate(db), 0);
    assert_true(db_changes_total(db) == before);
    assert_int_equal(db_script(db, "SELECT * FROM accounts; SELECT * FROM messages"), 0);
}

static void test_a_newer_one_is_refused(void **state) {
    struct db *db = *state;
    assert_int_equal(db_script(db, "INSERT INTO migrations VALUES (9999, 'tomorrow')"), 0);
    assert_int_equal(migrate(db), ERR_UNSUPPORTED);
}

static void test_meta(void **state) {
    struct db *db = *state;
    char out[64];
    assert_int_equal(meta_get_or_create(db, "key", "abcd", 4, out), 0);
    assert_memory_equal(out, "abcd", 4);
    assert_int_equal(meta_get_or_create(db, "key", "efgh", 4, out), 0);
    assert_memory_equal(out, "abcd", 4);
    assert_int_equal(meta_get_or_create(db, "key", "efghi", 5, out), ERR_STORE); /* it has another length */
    assert_int_equal(meta_get_or_create(db, "other", "efghi", 5, out), 0);
    assert_memory_equal(out, "efghi", 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_db(test_again_changes_nothing),
        with_db(test_a_newer_one_is_refused),
        with_db(test_meta),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
