/* db_sqlite_test.c: values there and back, transactions, what errors become, many statements. */
#include "store_unit.h"

static void test_values(void **state) {
    struct db *db = *state;
    assert_int_equal(db_script(db, "CREATE TABLE v (a INTEGER, b TEXT, c BLOB)"), 0);
    struct db_statement *s = db_prepare(db, "INSERT INTO v VALUES (?1, ?2, ?3)");
    db_bind_int(s, 1, INT64_MIN);
    db_bind_text(s, 2, STR(""));
    db_bind_blob(s, 3, STR("a\0b"));
    assert_int_equal(db_run(s), 0);
    assert_int_equal(db_changes(db), 1);
    assert_int_equal(db_last_id(db), 1);
    s = db_prepare(db, "INSERT INTO v VALUES (?1, ?2, ?3)"); /* nothing bound: all NULL */
    db_bind_blob(s, 3, STR(""));
    assert_int_equal(db_run(s), 0);
    s = db_prepare(db, "SELECT a, b, c FROM v ORDER BY rowid");
    assert_int_equal(db_step(s), 1);
    assert_true(db_int(s, 0) == INT64_MIN);
    assert_str(db_text(s, 1), "");
    assert_non_null(db_text(s, 1).p);
    assert_true(str_eq(db_blob(s, 2), STR("a\0b")));
    assert_int_equal(db_step(s), 1);
    assert_int_equal(db_int(s, 0), 0);
    assert_absent(db_text(s, 1));
    assert_non_null(db_blob(s, 2).p);
    assert_int_equal(db_step(s), 0);
}

static int64_t count(struct db *db) {
    struct db_statement *s = db_prepare(db, "SELECT count(*) FROM t");
    assert_int_equal(db_step(s), 1);
    int64_t n = db_int(s, 0);
    db_finish(s);
    return n;
}

static void test_transactions(void **state) {
    struct db *db = *state;
    assert_int_equal(db_script(db, "CREATE TABLE t (a INTEGER PRIMARY KEY)"), 0);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(db_script(db, "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)"), 0);
    db_rollback(db);
    assert_int_equal(count(db), 0);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(db_script(db, "INSERT INTO t VALUES (1)"), 0);
    assert_int_equal(db_run(db_prepare(db, "INSERT INTO t VALUES (1)")), ERR_EXISTS);
    assert_int_equal(db_commit(db), 0); /* what went well stays */
    assert_int_equal(count(db), 1);
    db_tidy(db);
}

static void test_a_reader_sees_one_state(void **state) {
    struct db *db = *state, *reader;
    assert_int_equal(db_script(db, "CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)"), 0);
    assert_int_equal(db_open(&(struct db_options){.path = unit_path, .read_only = true}, &reader), 0);
    assert_int_equal(db_begin(reader), 0);
    assert_int_equal(count(reader), 1);
    assert_int_equal(db_script(db, "INSERT INTO t VALUES (2)"), 0);
    assert_int_equal(count(reader), 1);
    assert_int_equal(db_commit(reader), 0);
    assert_int_equal(count(reader), 2);
    assert_int_equal(db_run(db_prepare(reader, "INSERT INTO t VALUES (3)")), ERR_STORE);
    db_close(&reader);
    db_close(&reader);
}

static void test_a_broken_statement_is_an_error_everywhere(void **state) {
    (void)state;
    db_bind_int(NULL, 1, 1);
    db_bind_text(NULL, 1, STR("x"));
    db_bind_blob(NULL, 1, STR("x"));
    db_finish(NULL);
    assert_int_equal(db_step(NULL), ERR_STORE);
    assert_int_equal(db_run(NULL), ERR_STORE);
}

static void test_opening_what_is_no_database(void **state) {
    (void)state;
    struct db *db = NULL;
    FILE *f = fopen(unit_path, "w");
    assert_non_null(f);
    for (int i = 0; i < 2000; i++) fputs("not a database ", f);
    fclose(f);
    assert_int_equal(db_open(&(struct db_options){.path = unit_path}, &db), ERR_STORE);
    assert_int_equal(db_open(&(struct db_options){.path = "/nowhere/c.db"}, &db), ERR_STORE);
    assert_null(db);
}

static void test_many_statements(void **state) {
    struct db *db = *state;
    static char texts[500][32];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 500; i++) {
            snprintf(texts[i], sizeof texts[i], "SELECT %d", i);
            struct db_statement *s = db_prepare(db, texts[i]);
            assert_int_equal(db_step(s), 1);
            assert_int_equal(db_int(s, 0), i);
            db_finish(s);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_db(test_values),
        with_db(test_transactions),
        with_db(test_a_reader_sees_one_state),
        cmocka_unit_test(test_a_broken_statement_is_an_error_everywhere),
        with_home(test_opening_what_is_no_database),
        with_db(test_many_statements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
