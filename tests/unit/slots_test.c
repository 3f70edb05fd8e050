/* slots_test.c: quota and rate, secrets, equal files kept once, what goes and what stays. */
#include "store_unit.h"

#include "store/accounts.h"
#include "store/slots.h"

#define SECOND_US ((int64_t)1000000)
#define HOUR_US (3600 * SECOND_US)

static const struct slot_limits limits = {.quota = 1000, .per_hour = 5};

static struct slot_row row_of(int number, int64_t account, int64_t size, int64_t now_us) {
    struct slot_row row = {.account = account,
                           .size = size,
                           .created_us = now_us,
                           .expires_us = now_us + HOUR_US,
                           .name_len = 5,
                           .type_len = 10};
    snprintf(row.get_id, sizeof row.get_id, "AAAAAAAAAAAAAAAAAAAA%02d", number);
    memcpy(row.name, "a.txt", 5);
    memcpy(row.type, "text/plain", 10);
    return row;
}

static int create(struct db *db, int number, int64_t account, int64_t size, int64_t now_us, int64_t *out_retry_us) {
    struct slot_row row = row_of(number, account, size, now_us);
    uint8_t secret[SLOT_HASH_LEN];
    slot_secret_hash(str_c(row.get_id), secret);
    return slots_create(db, &row, secret, &limits, out_retry_us);
}

static struct slot_row find(struct db *db, int number, int64_t now_us) {
    struct slot_row row = row_of(number, 1, 1, 1), found = {0};
    uint8_t secret[SLOT_HASH_LEN];
    slot_secret_hash(str_c(row.get_id), secret);
    assert_int_equal(slots_find_by_secret(db, secret, now_us, &found), 0);
    return found;
}

static char dead[512];

static void see_dead(void *arg, struct str file) {
    (void)arg;
    size_t at = strlen(dead);
    snprintf(dead + at, sizeof dead - at, "[%.*s]", STR_FMT(str_from(file, 20)));
}

#define assert_dead(db, expected)                                                                                      \
    do {                                                                                                               \
        dead[0] = '\0';                                                                                                \
        assert_int_equal(slots_dead(db, 100, see_dead, NULL), 0);                                                      \
        assert_string_equal(dead, expected);                                                                           \
    } while (0)

static void assert_totals(struct db *db, int64_t files, int64_t bytes, int64_t slots) {
    struct slot_totals totals;
    assert_int_equal(slots_totals(db, &totals), 0);
    assert_int_equal(totals.files, files);
    assert_int_equal(totals.bytes, bytes);
    assert_int_equal(totals.slots, slots);
}

static void test_quota(void **state) {
    struct db *db = *state;
    int64_t retry = -1;
    assert_int_equal(create(db, 1, 1, 600, 10, &retry), 0);
    assert_int_equal(create(db, 2, 1, 401, 20, &retry), ERR_LIMIT);
    assert_int_equal(retry, 10 + HOUR_US);
    assert_int_equal(create(db, 2, 1, INT64_MAX, 20, &retry), ERR_LIMIT);
    assert_int_equal(create(db, 2, 1, 400, 20, &retry), 0);
    assert_int_equal(create(db, 3, 2, 1000, 20, &retry), 0); /* somebody else's */
    assert_int_equal(slots_remove(db, find(db, 1, 30).id), 0);
    assert_int_equal(create(db, 4, 1, 600, 30, &retry), 0);
}

/* Giving slots up does not bring the hour's count back. */
static void test_rate(void **state) {
    struct db *db = *state;
    int64_t retry = -1;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(create(db, i, 1, 1, 100 + i, &retry), 0);
        assert_int_equal(slots_remove(db, find(db, i, 200).id), 0);
    }
    assert_int_equal(create(db, 6, 1, 1, 200, &retry), ERR_LIMIT);
    assert_int_equal(retry, 100 + HOUR_US);
    unsigned removed;
    assert_int_equal(slots_expire(db, 200, 10, NULL, NULL, &removed), 0);
    assert_int_equal(create(db, 6, 1, 1, 200, &retry), ERR_LIMIT);
    assert_int_equal(create(db, 6, 1, 1, 100 + HOUR_US, &retry), 0);
}

static int adopt(struct db *db, int number, int64_t account, int64_t created_us, int64_t *out_id) {
    struct slot_row row = row_of(number, account, 5000, created_us);
    uint8_t nobodys[SLOT_HASH_LEN] = {(uint8_t)number, 99};
    return slots_adopt(db, &row, nobodys, out_id);
}

/* From elsewhere: past the quota, under an id that nobody has, written by nobody else, and then whose it was. */
static void test_adopted(void **state) {
    struct db *db = *state;
    int64_t first, again, other;
    uint8_t hash[SLOT_HASH_LEN] = {7}, secret[SLOT_HASH_LEN], found_hash[SLOT_HASH_LEN], found_secret[SLOT_HASH_LEN];
    struct slot_row row;
    slot_secret_hash(STR("theirs"), secret);
    assert_int_equal(adopt(db, 1, 1, 10, &first), 0);
    assert_int_equal(adopt(db, 1, 1, 10, &again), 0);
    assert_int_equal(again, first);
    assert_int_equal(adopt(db, 1, 2, 10, &other), ERR_EXISTS);
    assert_int_equal(slots_find_by_secret(db, secret, 20, &row), ERR_NOT_FOUND);
    assert_int_equal(slots_adopted(db, first, hash, secret, 20, 0), 0);
    assert_int_equal(adopt(db, 1, 1, 10, &again), ERR_EXISTS);
    assert_int_equal(slots_find_by_secret(db, secret, 20, &row), 0);
    /* A secret that another file has stays with that. */
    assert_int_equal(adopt(db, 2, 1, 5, &other), 0);
    assert_int_equal(slots_adopted(db, other, hash, secret, 20, 0), 0);
    assert_int_equal(slots_find_by_secret(db, secret, 20, &row), 0);
    assert_int_equal(row.id, first);
    assert_totals(db, 1, 5000, 2);
    /* In the order in which they were made; what is open is not among them. */
    assert_int_equal(adopt(db, 3, 1, 1, &again), 0);
    assert_int_equal(slots_next(db, 1, INT64_MIN, 0, &row, found_hash, found_secret), 0);
    assert_int_equal(row.id, other);
    assert_memory_equal(found_hash, hash, SLOT_HASH_LEN);
    assert_int_equal(slots_next(db, 1, row.created_us, row.id, &row, found_hash, found_secret), 0);
    assert_int_equal(row.id, first);
    assert_memory_equal(found_secret, secret, SLOT_HASH_LEN);
    assert_int_equal(slots_next(db, 1, row.created_us, row.id, &row, found_hash, found_secret), ERR_NOT_FOUND);
    /* One that has gone, or was given up, can come again. */
    assert_int_equal(slots_remove(db, again), 0);
    assert_int_equal(adopt(db, 3, 2, 30, &again), 0);
}

static void test_life(void **state) {
    struct db *db = *state;
    int64_t retry;
    uint8_t hash[SLOT_HASH_LEN] = {1};
    struct slot_row row;
    create(db, 1, 1, 7, 10, &retry);
    struct slot_row slot = find(db, 1, 20);
    assert_int_equal(slot.state, SLOT_OPEN);
    assert_int_equal(slot.size, 7);
    assert_string_equal(slot.name, "a.txt");
    assert_string_equal(slot.type, "text/plain");
    assert_int_equal(slots_find_by_id(db, str_c(slot.get_id), 20, &row), ERR_NOT_FOUND); /* not before it is complete */
    assert_true(slots_owns_open(db, str_c(slot.get_id)));
    assert_int_equal(slots_complete(db, slot.id, hash, 20, 0), 0);
    assert_int_equal(slots_complete(db, slot.id, hash, 20, 0), ERR_EXISTS);
    assert_false(slots_owns_open(db, str_c(slot.get_id)));
    assert_int_equal(slots_find_by_id(db, str_c(slot.get_id), 9 * HOUR_US, &row), 0);
    assert_string_equal(row.file, slot.get_id);
    assert_totals(db, 1, 7, 1);
    assert_int_equal(slots_remove(db, slot.id), 0);
    assert_int_equal(slots_remove(db, slot.id), ERR_NOT_FOUND);
    assert_int_equal(slots_complete(db, slot.id, hash, 20, 0), ERR_NOT_FOUND);
    assert_int_equal(slots_find_by_id(db, str_c(slot.get_id), 20, &row), ERR_NOT_FOUND);
    assert_dead(db, "[01]");
    assert_totals(db, 0, 0, 0);
    assert_int_equal(slots_buried(db, str_c(slot.get_id)), 0);
    assert_dead(db, "");
}

static void test_equal_files(void **state) {
    struct db *db = *state;
    int64_t retry;
    uint8_t hash[SLOT_HASH_LEN] = {1};
    struct slot_row row;
    create(db, 1, 1, 7, 10, &retry);
    create(db, 2, 2, 7, 10, &retry);
    int64_t first = find(db, 1, 10).id, second = find(db, 2, 10).id;
    assert_int_equal(slots_complete(db, first, hash, 20, 0), 0);
    assert_int_equal(slots_complete(db, second, hash, 20, 0), 0);
    assert_dead(db, "[02]");
    assert_totals(db, 1, 7, 2);
    assert_int_equal(slots_remove(db, first), 0);
    assert_dead(db, "[02]");
    assert_int_equal(slots_find_by_id(db, STR("AAAAAAAAAAAAAAAAAAAA02"), 20, &row), 0);
    assert_string_equal(row.file, "AAAAAAAAAAAAAAAAAAAA01");
    bool more;
    assert_int_equal(slots_drop_account(db, 2, 256, &more), 0);
    assert_false(more);
    assert_dead(db, "[01][02]");
    assert_totals(db, 0, 0, 0);
}

static bool see_busy(void *arg, struct str get_id) {
    (void)arg;
    return str_ends(get_id, STR("02"));
}

static void test_expiry(void **state) {
    struct db *db = *state;
    int64_t retry;
    uint8_t hash[SLOT_HASH_LEN] = {1};
    unsigned removed = 9;
    for (int i = 1; i <= 4; i++) create(db, i, 1, 7, 10, &retry);
    assert_int_equal(slots_complete(db, find(db, 3, 10).id, hash, 20, 0), 0);
    assert_int_equal(slots_touch(db, find(db, 4, 10).id, 9 * HOUR_US), 0);
    assert_int_equal(slots_expire(db, 20, 10, see_busy, NULL, &removed), 0);
    assert_int_equal(removed, 0);
    assert_int_equal(slots_expire(db, 2 * HOUR_US, 10, see_busy, NULL, &removed), 0); /* 2 is being written, 3 stays */
    assert_int_equal(removed, 1);
    assert_dead(db, "[01]");
    assert_int_equal(find(db, 4, 2 * HOUR_US).state, SLOT_OPEN);
    struct slot_row row;
    uint8_t secret[SLOT_HASH_LEN];
    slot_secret_hash(STR("AAAAAAAAAAAAAAAAAAAA02"), secret);
    assert_int_equal(slots_find_by_secret(db, secret, 2 * HOUR_US, &row), ERR_NOT_FOUND); /* but is over */
}

static void test_account_goes(void **state) {
    struct db *db = *state;
    int64_t id, retry;
    accounts_create(db, STR("a@x"), NULL, NULL, 1, &id);
    create(db, 1, id, 7, 10, &retry);
    assert_int_equal(accounts_delete(db, id, 20), 0);
    assert_dead(db, "[01]");
    assert_false(slots_owns_open(db, STR("AAAAAAAAAAAAAAAAAAAA01")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_db(test_quota),  with_db(test_rate),         with_db(test_life),    with_db(test_equal_files),
        with_db(test_expiry), with_db(test_account_goes), with_db(test_adopted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
