/* clients_test.c: what is remembered of devices: there and back, signing out, the bound, and writes that come too late. */
#include "store_unit.h"

#include "store/accounts.h"
#include "store/clients.h"

enum { MAX = 3 };

static int64_t account_of(struct db *db) {
    int64_t id = 0;
    assert_int_equal(accounts_create(db, STR("a@x"), NULL, NULL, 1, &id), 0);
    return id;
}

static struct client_row row_of(int64_t client, int64_t seen_us) {
    return (struct client_row){.client = client, .seen_us = seen_us, .token_us = 5, .next_us = 6, .software = "Confab"};
}

static bool count(void *arg, const struct client_row *row) {
    (void)row;
    ++*(int *)arg;
    return true;
}

static int count_of(struct db *db, int64_t account) {
    int n = 0;
    assert_int_equal(clients_each(db, account, count, &n), 0);
    return n;
}

static void test_there_and_back(void **state) {
    struct db *db = *state;
    int64_t id = account_of(db);
    struct client_row row = row_of(-9, 100), got = {.client = -9};
    assert_int_equal(clients_find(db, id, &got), 0);
    assert_false(got.known);
    assert_int_equal(clients_put(db, id, &row, MAX, 0), 0);
    assert_int_equal(clients_find(db, id, &got), 0);
    assert_true(got.known && got.first_us == 100 && got.seen_us == 100 && got.token_us == 5 && got.next_us == 6);
    assert_string_equal(got.software, "Confab");
    got.seen_us = 50;
    got.token_us = 6;
    assert_int_equal(clients_put(db, id, &got, MAX, 0), 0);
    assert_int_equal(clients_find(db, id, &got), 0);
    assert_true(got.seen_us == 100 && got.token_us == 6);
    assert_int_equal(clients_seen(db, id, -9, 300), 0);
    assert_int_equal(clients_seen(db, id, -9, 200), 0);
    assert_int_equal(clients_find(db, id, &got), 0);
    assert_int_equal(got.seen_us, 300);
}

static void test_signed_out(void **state) {
    struct db *db = *state;
    int64_t id = account_of(db);
    struct client_row row = row_of(1, 100), got = {.client = 1};
    clients_put(db, id, &row, MAX, 0);
    assert_int_equal(clients_sign_out(db, id, 2), ERR_NOT_FOUND);
    assert_int_equal(clients_sign_out(db, id, 1), 0);
    assert_int_equal(clients_sign_out(db, id, 1), ERR_NOT_FOUND);
    assert_int_equal(clients_find(db, id, &got), 0);
    assert_true(got.signed_out && got.token_us == 0 && got.next_us == 0);
    assert_int_equal(count_of(db, id), 0);
    /* Who read the row before that does not write it again, known or new. */
    assert_int_equal(clients_put(db, id, &row, MAX, 0), ERR_NOT_FOUND);
    row.known = true;
    assert_int_equal(clients_put(db, id, &row, MAX, 0), ERR_NOT_FOUND);
    assert_int_equal(clients_remove(db, id, 1), 0);
    row.known = false;
    assert_int_equal(clients_put(db, id, &row, MAX, 0), 0);
}

static void test_bound(void **state) {
    struct db *db = *state;
    int64_t id = account_of(db);
    for (int64_t i = 1; i <= 1000; i++) {
        struct client_row row = row_of(i, 100 + i);
        assert_int_equal(clients_put(db, id, &row, MAX, 0), 0);
    }
    assert_int_equal(count_of(db, id), MAX);
    struct client_row got = {.client = 998};
    clients_find(db, id, &got);
    assert_true(got.known);
    /* One that made room since it was read is there again. */
    struct client_row again = row_of(1, 3000);
    again.known = true;
    assert_int_equal(clients_put(db, id, &again, MAX, 0), 0);
    assert_int_equal(count_of(db, id), MAX);
    got = (struct client_row){.client = 1};
    clients_find(db, id, &got);
    assert_true(got.known && got.seen_us == 3000);
    struct client_row late = row_of(2000, 5000);
    assert_int_equal(clients_put(db, id, &late, MAX, 4000), 0);
    assert_int_equal(count_of(db, id), 1);
}

static void test_deleted_account(void **state) {
    struct db *db = *state;
    int64_t id = account_of(db);
    struct client_row row = row_of(1, 100);
    clients_put(db, id, &row, MAX, 0);
    assert_int_equal(accounts_delete(db, id, 9), 0);
    assert_int_equal(count_of(db, id), 0);
    assert_int_equal(clients_put(db, id, &row, MAX, 0), ERR_NOT_FOUND);
    assert_int_equal(count_of(db, id), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {with_db(test_there_and_back), with_db(test_signed_out), with_db(test_bound),
                                       with_db(test_deleted_account)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
