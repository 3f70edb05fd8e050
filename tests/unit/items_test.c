/* items_test.c: nodes and items there and back, their order, bounds and sums, people, and the end of an account. */
#include "store_unit.h"

#include "store/accounts.h"
#include "store/items.h"

static struct arena *arena;

static int setup(void **state) {
    arena = arena_new();
    return db_setup(state);
}
static int teardown(void **state) {
    arena_free(&arena);
    return db_teardown(state);
}
#define with_items(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static int64_t account_of(struct db *db, const char *jid) {
    int64_t id = 0;
    assert_int_equal(accounts_create(db, str_c(jid), NULL, NULL, 1, &id), 0);
    return id;
}

static int64_t node_of(struct db *db, int64_t account, const char *name) {
    int64_t id = 0;
    struct pubsub_config config = pubsub_config_default(str_c(name));
    assert_int_equal(nodes_create(db, account, str_c(name), &config, 10, &id), 0);
    return id;
}

static void put(struct db *db, int64_t node, const char *name, const char *xml, int64_t max) {
    assert_int_equal(items_put(db, node, str_c(name), str_c(xml), 5, max), 0);
}

static bool name_add(void *arg, const struct item_row *row) {
    strncat(arg, row->name.p, row->name.len);
    strcat(arg, " ");
    return true;
}

static void assert_items(struct db *db, const struct items_query *query, const char *names) {
    char got[256] = "";
    assert_int_equal(items_each(db, query, name_add, got), 0);
    assert_string_equal(got, names);
}

static struct node_row row_of(struct db *db, int64_t account, const char *name) {
    struct node_row row;
    assert_int_equal(nodes_find(db, arena, account, str_c(name), &row), 0);
    return row;
}

static void test_nodes(void **state) {
    struct db *db = *state;
    int64_t a = account_of(db, "a@x"), id;
    struct node_row row;
    assert_int_equal(nodes_find(db, arena, a, STR("n"), &row), ERR_NOT_FOUND);
    struct pubsub_config config = pubsub_config_default(STR("n")), other = config;
    config.groups = STR("one\ntwo\n");
    config.title = STR("A <title>");
    config.max_items = 7;
    assert_int_equal(nodes_create(db, a, STR("n"), &config, 2, &id), 0);
    row = row_of(db, a, "n");
    assert_true(row.id == id && row.account == a && pubsub_config_eq(&row.config, &config));
    assert_int_equal(nodes_create(db, a, STR("n"), &config, 2, &id), ERR_EXISTS);
    assert_int_equal(nodes_create(db, a, STR("m"), &other, 2, &id), 0);
    assert_int_equal(nodes_create(db, a, STR("o"), &other, 2, &id), ERR_LIMIT);
    assert_int_equal(nodes_configure(db, row.id, &other), 0);
    row = row_of(db, a, "n");
    assert_true(pubsub_config_eq(&row.config, &other));
    put(db, row.id, "i", "<i/>", 1);
    struct person_row person = {STR("b@x"), PUBSUB_MEMBER, PUBSUB_SUBSCRIBED};
    assert_int_equal(people_put(db, row.id, &person, 5), 0);
    assert_int_equal(nodes_remove(db, row.id), 0);
    assert_int_equal(nodes_find(db, arena, a, STR("n"), &row), ERR_NOT_FOUND);
    assert_items(db, &(struct items_query){.node = row.id, .max = 9}, "");
}

static void test_items_in_order(void **state) {
    struct db *db = *state;
    int64_t a = account_of(db, "a@x"), n = node_of(db, a, "n"), place, index;
    struct item_row item;
    put(db, n, "1", "<a/>", 9);
    put(db, n, "2", "<bb/>", 9);
    put(db, n, "3", "<ccc/>", 9);
    put(db, n, "1", "<dddd/>", 9);
    assert_items(db, &(struct items_query){.node = n, .max = 9}, "2 3 1 ");
    assert_items(db, &(struct items_query){.node = n, .max = 2, .backwards = true}, "1 3 ");
    assert_int_equal(items_find(db, arena, n, STR("1"), &item), 0);
    assert_true(str_eq(item.xml, STR("<dddd/>")) && item.published_us == 5);
    assert_int_equal(items_place(db, n, STR("3"), &place), 0);
    assert_int_equal(items_index(db, n, place, &index), 0);
    assert_int_equal(index, 1);
    assert_items(db, &(struct items_query){.node = n, .after = place, .max = 9}, "1 ");
    assert_items(db, &(struct items_query){.node = n, .before = place, .max = 9}, "2 ");
    struct node_row row = row_of(db, a, "n");
    assert_int_equal(row.count, 3);
    assert_int_equal(row.bytes, 5 + 6 + 7);
    assert_int_equal(items_remove(db, n, STR("3")), 0);
    assert_int_equal(items_remove(db, n, STR("3")), ERR_NOT_FOUND);
    assert_int_equal(items_place(db, n, STR("3"), &place), ERR_NOT_FOUND);
    assert_int_equal(items_find(db, arena, n, STR("3"), &item), ERR_NOT_FOUND);
    row = row_of(db, a, "n");
    assert_true(row.count == 2 && row.bytes == 12);
}

static void test_bounds(void **state) {
    struct db *db = *state;
    int64_t a = account_of(db, "a@x"), n = node_of(db, a, "n"), m = node_of(db, a, "m"), bytes;
    for (char c = 'a'; c <= 'f'; c++) put(db, n, (char[]){c, 0}, "<x/>", 3);
    assert_items(db, &(struct items_query){.node = n, .max = 9}, "d e f ");
    put(db, m, "y", "<yy/>", 1);
    assert_int_equal(nodes_bytes(db, a, &bytes), 0);
    assert_int_equal(bytes, 3 * 4 + 5);
    assert_int_equal(items_trim(db, n, 1), 0);
    assert_items(db, &(struct items_query){.node = n, .max = 9}, "f ");
    assert_int_equal(items_purge(db, n), 0);
    assert_int_equal(nodes_bytes(db, a, &bytes), 0);
    assert_int_equal(bytes, 5);
    put(db, n, "g", "<x/>", 3); /* a place is given once */
    assert_int_equal(row_of(db, a, "n").newest, 7);
}

static bool person_add(void *arg, const struct person_row *row) {
    char line[64];
    snprintf(line, sizeof line, "%.*s:%d:%d ", STR_FMT(row->jid), (int)row->affiliation, (int)row->subscription);
    strcat(arg, line);
    return true;
}
static bool person_of_add(void *arg, struct str node, const struct person_row *row) {
    strncat(arg, node.p, node.len);
    strcat(arg, "/");
    return person_add(arg, row);
}

static void test_people(void **state) {
    struct db *db = *state;
    int64_t a = account_of(db, "a@x"), n = node_of(db, a, "n"), m = node_of(db, a, "m");
    struct person_row row, b = {STR("b@x"), PUBSUB_MEMBER, 0}, full = {STR("b@x/r"), 0, PUBSUB_SUBSCRIBED},
                           c = {STR("b@xx"), PUBSUB_OUTCAST, 0};
    char got[256] = "";
    assert_int_equal(people_find(db, n, STR("b@x"), &row), 0);
    assert_true(row.affiliation == 0 && row.subscription == 0);
    assert_int_equal(people_put(db, n, &b, 2), 0);
    assert_int_equal(people_put(db, n, &full, 2), 0);
    assert_int_equal(people_put(db, n, &c, 2), ERR_LIMIT);
    assert_int_equal(people_put(db, n, &b, 2), 0);
    assert_int_equal(people_put(db, m, &c, 2), 0);
    assert_int_equal(people_put(db, m, &b, 2), 0);
    assert_int_equal(people_find(db, n, STR("b@x"), &row), 0);
    assert_int_equal(row.affiliation, PUBSUB_MEMBER);
    assert_int_equal(people_each(db, n, person_add, got), 0);
    assert_string_equal(got, "b@x:1:0 b@x/r:0:2 ");
    got[0] = 0;
    assert_int_equal(people_of(db, a, STR("b@x"), person_of_add, got), 0);
    assert_string_equal(got, "m/b@x:1:0 n/b@x:1:0 n/b@x/r:0:2 ");
    b.affiliation = 0;
    assert_int_equal(people_put(db, n, &b, 2), 0);
    got[0] = 0;
    assert_int_equal(people_each(db, n, person_add, got), 0);
    assert_string_equal(got, "b@x/r:0:2 ");
}

static void test_account_leaves(void **state) {
    struct db *db = *state;
    int64_t a = account_of(db, "a@x"), b = account_of(db, "b@x"), id;
    int64_t n = node_of(db, a, "n"), kept = node_of(db, b, "n");
    put(db, kept, "i", "<x/>", 9);
    for (int i = 0; i < 25; i++) {
        char name[8];
        snprintf(name, sizeof name, "%d", i);
        put(db, n, name, "<x/>", 100);
    }
    assert_int_equal(accounts_delete(db, a, 9), 0);
    struct pubsub_config config = pubsub_config_default(STR("late"));
    assert_int_equal(nodes_create(db, a, STR("late"), &config, 10, &id), ERR_NOT_FOUND);
    int pieces = 0;
    for (;; pieces++) {
        assert_int_equal(accounts_leaving(db, &id), 0);
        if (!id) break;
        assert_int_equal(accounts_clear(db, id, 10), 0);
    }
    assert_int_equal(pieces, 3);
    struct node_row row;
    assert_int_equal(nodes_find(db, arena, a, STR("n"), &row), ERR_NOT_FOUND);
    assert_items(db, &(struct items_query){.node = n, .max = 99}, "");
    assert_items(db, &(struct items_query){.node = kept, .max = 99}, "i ");
}

int main(void) {
    const struct CMUnitTest tests[] = {with_items(test_nodes), with_items(test_items_in_order), with_items(test_bounds),
                                       with_items(test_people), with_items(test_account_leaves)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
