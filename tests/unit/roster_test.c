/* roster_test.c: contacts, requests, blocks and debts, there and back. */
#include "store_unit.h"

#include "store/accounts.h"
#include "store/roster.h"

static char seen[512];

static bool see_contact(void *arg, const struct roster_row *row) {
    (void)arg;
    size_t at = strlen(seen);
    snprintf(seen + at, sizeof seen - at, "[%.*s %.*s %.*s %u]", STR_FMT(row->jid), STR_FMT(row->name),
             STR_FMT(row->groups), row->flags);
    return true;
}

static bool see_pair(void *arg, struct str jid, struct str stanza) {
    size_t at = strlen(seen);
    snprintf(seen + at, sizeof seen - at, "[%.*s %.*s]", STR_FMT(jid), STR_FMT(stanza));
    return arg == NULL;
}

static bool see_jid(void *arg, struct str jid) {
    (void)arg;
    size_t at = strlen(seen);
    snprintf(seen + at, sizeof seen - at, "[%.*s]", STR_FMT(jid));
    return true;
}

static bool see_debt(void *arg, int64_t id, struct str from, struct str to, struct str stanza) {
    (void)arg;
    size_t at = strlen(seen);
    snprintf(seen + at, sizeof seen - at, "[%d %.*s %.*s %.*s]", (int)id, STR_FMT(from), STR_FMT(to), STR_FMT(stanza));
    return true;
}

#define assert_seen(call, expected)                                                                                    \
    do {                                                                                                               \
        seen[0] = '\0';                                                                                                \
        assert_int_equal((call), 0);                                                                                   \
        assert_string_equal(seen, expected);                                                                           \
    } while (0)

static void test_contacts(void **state) {
    struct db *db = *state;
    struct account_row account;
    int64_t id;
    accounts_create(db, STR("a@x"), NULL, NULL, 1, &id);
    struct roster_row row = {
        .jid = STR("z@x"), .name = STR("Zoe"), .groups = STR("Friends\nWork\n"), .flags = ROSTER_TO | ROSTER_LISTED};
    assert_int_equal(roster_put(db, id, &row, 7), 0);
    assert_int_equal(roster_put(db, id, &(struct roster_row){.jid = STR("b@x")}, 8), 0);
    assert_int_equal(roster_put(db, id + 1, &row, 8), 0);
    assert_seen(roster_each(db, id, see_contact, NULL), "[b@x   0][z@x Zoe Friends\nWork\n 17]");
    row.name = STR_NONE;
    row.flags = ROSTER_FROM;
    assert_int_equal(roster_put(db, id, &row, 9), 0);
    assert_int_equal(roster_remove(db, id, STR("b@x"), 10), 0);
    assert_int_equal(roster_remove(db, id, STR("b@x"), 11), 0);
    assert_seen(roster_each(db, id, see_contact, NULL), "[z@x  Friends\nWork\n 2]");
    accounts_find(db, STR("a@x"), &account);
    assert_int_equal(account.roster_version, 11);
}

static void test_requests(void **state) {
    struct db *db = *state;
    assert_int_equal(requests_put(db, 1, STR("b@x"), STR("<p/>"), 50), 0);
    assert_int_equal(requests_put(db, 1, STR("a@x"), STR("<q/>"), 60), 0);
    assert_int_equal(requests_put(db, 1, STR("b@x"), STR("<r/>"), 70), 0);
    assert_seen(requests_each(db, 1, see_pair, NULL), "[a@x <q/>][b@x <r/>]");
    assert_seen(requests_each(db, 1, see_pair, db), "[a@x <q/>]");
    assert_int_equal(requests_remove(db, 1, STR("a@x")), 0);
    assert_seen(requests_each(db, 1, see_pair, NULL), "[b@x <r/>]");
    assert_seen(requests_each(db, 2, see_pair, NULL), "");
}

static void test_blocks(void **state) {
    struct db *db = *state;
    for (int i = 0; i < 2; i++) assert_int_equal(blocked_put(db, 1, STR("b@x")), 0);
    blocked_put(db, 1, STR("a@x"));
    blocked_put(db, 2, STR("c@x"));
    assert_seen(blocked_each(db, 1, see_jid, NULL), "[a@x][b@x]");
    assert_int_equal(blocked_remove(db, 1, STR("a@x")), 0);
    assert_seen(blocked_each(db, 1, see_jid, NULL), "[b@x]");
    assert_int_equal(blocked_remove(db, 1, STR_NONE), 0);
    assert_seen(blocked_each(db, 1, see_jid, NULL), "");
    assert_seen(blocked_each(db, 2, see_jid, NULL), "[c@x]");
}

static void test_debts(void **state) {
    struct db *db = *state;
    assert_int_equal(owed_put(db, 5, STR("a@x"), STR("b@x"), STR("<p/>")), 0);
    assert_int_equal(owed_put(db, 3, STR("b@x"), STR("a@x"), STR("<q/>")), 0);
    assert_int_equal(owed_put(db, 3, STR("b@x"), STR("a@x"), STR("<q/>")), ERR_EXISTS);
    assert_seen(owed_each(db, see_debt, NULL), "[3 b@x a@x <q/>][5 a@x b@x <p/>]");
    assert_int_equal(owed_remove(db, 5), 0);
    assert_int_equal(owed_remove(db, 5), 0);
    assert_seen(owed_each(db, see_debt, NULL), "[3 b@x a@x <q/>]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_db(test_contacts),
        with_db(test_requests),
        with_db(test_blocks),
        with_db(test_debts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
