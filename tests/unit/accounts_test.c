/* accounts_test.c: creating, finding, changing keys, deleting with all that is the account's own; a name is never given twice. */
#include "store_unit.h"

#include "store/accounts.h"
#include "store/archive.h"
#include "store/roster.h"

static struct scram_keys keys_of(int seed) {
    /* Salts of several lengths: accounts may come from other servers. */
    struct scram_keys k = {.iterations = 4096 + (uint32_t)seed,
                           .salt_len = (uint8_t)(seed == 5 ? SASL_SALT_MAX : SASL_SALT_LEN)};
    memset(k.salt, seed, k.salt_len);
    memset(k.stored, seed + 1, sizeof k.stored);
    memset(k.server, seed + 2, sizeof k.server);
    return k;
}

static void assert_keys(const struct scram_keys *got, const struct scram_keys *expected, enum hash hash) {
    assert_int_equal(got->iterations, expected->iterations);
    assert_int_equal(got->salt_len, expected->salt_len);
    assert_memory_equal(got->salt, expected->salt, sizeof got->salt);
    assert_memory_equal(got->stored, expected->stored, hash_len(hash));
    assert_memory_equal(got->server, expected->server, hash_len(hash));
}

static void test_there_and_back(void **state) {
    struct db *db = *state;
    struct scram_keys one = keys_of(1), two = keys_of(5);
    struct account_row row;
    int64_t id, other;
    assert_int_equal(accounts_find(db, STR("a@x"), &row), ERR_NOT_FOUND);
    assert_int_equal(accounts_create(db, STR("a@x"), &one, &two, 77, &id), 0);
    assert_int_equal(accounts_create(db, STR("a@x"), &one, &two, 78, &other), ERR_EXISTS);
    assert_int_equal(accounts_create(db, STR("b@x"), NULL, &two, 78, &other), 0);
    assert_int_equal(accounts_find(db, STR("a@x"), &row), 0);
    assert_true(row.id == id && row.generation == 1 && !row.deleted && row.created_us == 77 && row.offline_mark == 0);
    assert_keys(&row.sha1, &one, HASH_SHA1);
    assert_keys(&row.sha256, &two, HASH_SHA256);
    assert_int_equal(accounts_find(db, STR("b@x"), &row), 0);
    assert_int_equal(row.sha1.iterations, 0);
    assert_keys(&row.sha256, &two, HASH_SHA256);
    assert_int_equal(accounts_set_keys(db, id, &two, &one), 0);
    assert_int_equal(accounts_find(db, STR("a@x"), &row), 0);
    assert_int_equal(row.generation, 2);
    assert_keys(&row.sha1, &two, HASH_SHA1);
}

static void test_the_mark_goes_forward(void **state) {
    struct db *db = *state;
    struct account_row row;
    int64_t id;
    accounts_create(db, STR("a@x"), NULL, NULL, 1, &id);
    assert_int_equal(accounts_set_offline_mark(db, id, 50), 0);
    assert_int_equal(accounts_set_offline_mark(db, id, 40), 0);
    accounts_find(db, STR("a@x"), &row);
    assert_int_equal(row.offline_mark, 50);
}

static bool count_row(void *arg, const struct archive_row *row) {
    (void)row;
    ++*(int *)arg;
    return true;
}

static void test_upgrading_keys(void **state) {
    struct db *db = *state;
    struct scram_keys weak = keys_of(1), strong = keys_of(1000);
    struct account_row row;
    int64_t a;
    assert_int_equal(accounts_create(db, STR("a@x"), &weak, NULL, 1, &a), 0);
    assert_int_equal(accounts_upgrade_keys(db, a, 2, HASH_SHA1, &strong), ERR_NOT_FOUND); /* another password's */
    assert_int_equal(accounts_upgrade_keys(db, a, 1, HASH_SHA1, &weak), ERR_NOT_FOUND);   /* as weak */
    assert_int_equal(accounts_upgrade_keys(db, a, 1, HASH_SHA256, &strong), 0);
    assert_int_equal(accounts_find(db, STR("a@x"), &row), 0);
    assert_keys(&row.sha1, &weak, HASH_SHA1);
    assert_keys(&row.sha256, &strong, HASH_SHA256);
    assert_int_equal(row.generation, 1);
    assert_int_equal(accounts_upgrade_keys(db, a, 1, HASH_SHA1, &strong), 0);
    assert_int_equal(accounts_upgrade_keys(db, a, 1, HASH_SHA256, &weak), ERR_NOT_FOUND);
    assert_int_equal(accounts_find(db, STR("a@x"), &row), 0);
    assert_keys(&row.sha1, &strong, HASH_SHA1);
    assert_keys(&row.sha256, &strong, HASH_SHA256);
    assert_int_equal(accounts_delete(db, a, 9), 0);
    assert_int_equal(accounts_upgrade_keys(db, a, 2, HASH_SHA1, &strong), ERR_NOT_FOUND);
}

static bool count_contact(void *arg, const struct roster_row *row) {
    (void)row;
    ++*(int *)arg;
    return true;
}

static int archive_len(struct db *db, int64_t account) {
    int n = 0;
    bool complete;
    assert_int_equal(
        archive_query(db, &(struct archive_query){.account = account, .max = 100}, count_row, &n, &complete), 0);
    return n;
}

static void test_deleting(void **state) {
    struct db *db = *state;
    struct scram_keys keys = keys_of(1);
    struct account_row row;
    int64_t a, b, c;
    accounts_create(db, STR("a@x"), &keys, &keys, 1, &a);
    accounts_create(db, STR("b@x"), &keys, &keys, 1, &b);
    roster_put(db, a, &(struct roster_row){.jid = STR("b@x")}, 5);
    roster_put(db, b, &(struct roster_row){.jid = STR("a@x")}, 5);
    struct archive_entry entry = {
        .out = {a, 10, STR("b@x"), ARCHIVE_OUT}, .in = {b, 20, STR("a@x"), 0}, .origin = 3, .stanza = STR("<m/>")};
    assert_int_equal(archive_add(db, &entry), 0);
    assert_int_equal(accounts_delete(db, a, 9), 0);
    assert_int_equal(accounts_delete(db, a, 9), ERR_NOT_FOUND);
    assert_int_equal(accounts_find(db, STR("a@x"), &row), 0);
    assert_true(row.deleted && row.generation == 2 && row.sha1.iterations == 0);
    assert_int_equal(accounts_create(db, STR("a@x"), &keys, &keys, 10, &c), ERR_EXISTS);
    assert_int_equal(accounts_set_keys(db, a, &keys, &keys), ERR_NOT_FOUND);
    int contacts = 0;
    roster_each(db, a, count_contact, &contacts);
    assert_int_equal(contacts, 0);
    roster_each(db, b, count_contact, &contacts);
    assert_int_equal(contacts, 1);
    assert_int_equal(accounts_clear(db, a, 10), 0);
    assert_int_equal(archive_len(db, a), 0);
    assert_int_equal(archive_len(db, b), 1); /* what b was sent is b's */
    assert_int_equal(accounts_delete(db, b, 11), 0);
    assert_int_equal(accounts_clear(db, b, 10), 0);
    struct db_statement *s = db_prepare(db, "SELECT count(*) FROM messages");
    assert_int_equal(db_step(s), 1);
    assert_int_equal(db_int(s, 0), 0);
    db_finish(s);
}

static void test_leaving_piece_by_piece(void **state) {
    struct db *db = *state;
    int64_t a, b, id;
    accounts_create(db, STR("a@x"), NULL, NULL, 1, &a);
    accounts_create(db, STR("b@x"), NULL, NULL, 1, &b);
    for (uint32_t i = 0; i < 25; i++) {
        struct archive_entry entry = {.out = {a, 10 + i, STR("b@x"), ARCHIVE_OUT},
                                      .in = {b, 100 + i, STR("a@x"), 0},
                                      .origin = 3 + i,
                                      .stanza = STR("<m/>")};
        assert_int_equal(archive_add(db, &entry), 0);
    }
    assert_int_equal(accounts_leaving(db, &id), 0);
    assert_int_equal(id, 0);
    assert_int_equal(accounts_delete(db, a, 9), 0);
    for (int left = 15; left >= 5; left -= 10) {
        assert_int_equal(accounts_leaving(db, &id), 0);
        assert_int_equal(id, a);
        assert_int_equal(accounts_clear(db, a, 10), 0);
        assert_int_equal(archive_len(db, a), left);
    }
    assert_int_equal(accounts_clear(db, a, 10), 0);
    assert_int_equal(accounts_leaving(db, &id), 0);
    assert_int_equal(id, 0);
    assert_int_equal(archive_len(db, a), 0);
    assert_int_equal(archive_len(db, b), 25);
    struct db_statement *s = db_prepare(db, "SELECT (SELECT count(*) FROM archive_origins WHERE account = ?1)");
    db_bind_int(s, 1, a);
    assert_int_equal(db_step(s), 1);
    assert_int_equal(db_int(s, 0), 0);
    db_finish(s);
}

static bool note_name(void *arg, struct str jid, const struct account_row *row) {
    struct arena *arena = *(struct arena **)arg;
    struct str *all = (struct str *)((struct arena **)arg + 1);
    *all = arena_printf(arena, "%.*s %.*s%s", STR_FMT(*all), STR_FMT(jid), row->deleted ? "!" : "");
    return !str_eq(jid, STR("c@x"));
}

static void test_each(void **state) {
    struct db *db = *state;
    int64_t id;
    static const char *const names[] = {"d@x", "b@x", "a@x", "c@x"};
    for (int i = 0; i < 4; i++) accounts_create(db, str_c(names[i]), NULL, NULL, 1, &id);
    accounts_delete(db, 2, 1);
    struct {
        struct arena *arena;
        struct str all;
    } seen = {arena_new(), STR("")};
    assert_int_equal(accounts_each(db, STR_NONE, note_name, &seen), 0);
    assert_str(seen.all, " a@x b@x! c@x");
    seen.all = STR("");
    assert_int_equal(accounts_each(db, STR("c@x"), note_name, &seen), 0);
    assert_str(seen.all, " d@x");
    arena_free(&seen.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_db(test_there_and_back), with_db(test_the_mark_goes_forward),  with_db(test_upgrading_keys),
        with_db(test_deleting),       with_db(test_leaving_piece_by_piece), with_db(test_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
