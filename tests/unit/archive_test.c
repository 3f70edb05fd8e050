/*
 * archive_test.c: the archive beside a model of it that is a plain list: random messages, rollbacks and restarts, and every kind of
 * query; with the late index and without. CONFAB_SEED=N replays one seed.
 */
#include "store_unit.h"

#include "store/accounts.h"
#include "store/archive.h"
#include "store/archive_index.h"
#include "store/retention.h"

#define ACCOUNTS 9
#define MESSAGES_MAX 3000

static uint64_t dice;

static uint64_t roll(uint64_t n) {
    dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (dice >> 33) % n;
}

/* --- the model --- */

struct kept {
    int64_t account, sequence;
    unsigned flags;
    int peer, resource, number;
};

static struct kept model[2 * MESSAGES_MAX];
static size_t model_count;
static int numbers;
static int64_t clock_us;

static struct str jid(char out[32], int number) {
    snprintf(out, 32, "p%d@x", number);
    return str_c(out);
}

static bool kept_matches(const struct kept *k, const struct archive_query *q, int with, int resource) {
    if (k->account != q->account) return false;
    if (q->offline ? (k->flags & (ARCHIVE_OFFLINE | ARCHIVE_OUT)) != ARCHIVE_OFFLINE : (k->flags & ARCHIVE_HIDDEN) != 0)
        return false;
    if ((q->from && k->sequence < q->from) || (q->to && k->sequence > q->to)) return false;
    if ((q->after && k->sequence <= q->after) || (q->before && k->sequence >= q->before)) return false;
    bool named = !q->ids;
    for (uint32_t i = 0; i < q->ids_count; i++) named |= q->ids[i] == k->sequence;
    return named && (with < 0 || k->peer == with) && (resource < 0 || k->resource == resource);
}

static int kept_order(const void *a, const void *b) {
    int64_t x = ((const struct kept *)a)->sequence, y = ((const struct kept *)b)->sequence;
    return (x > y) - (x < y);
}

/* --- one random message --- */

static void model_add(const struct archive_owner *owner, int peer, int resource, int number) {
    if (!owner->account) return;
    model[model_count++] = (struct kept){owner->account, owner->sequence, owner->flags, peer, resource, number};
}

static void message_add(struct db *db) {
    char out_peer[32], in_peer[32], stanza[128];
    int from = (int)roll(ACCOUNTS) + 1, to = (int)roll(ACCOUNTS) + 1, resource = (int)roll(3), number = numbers++;
    unsigned hidden = roll(5) == 0 ? ARCHIVE_HIDDEN : 0, offline = roll(2) ? ARCHIVE_OFFLINE : 0;
    snprintf(stanza, sizeof stanza, "<message xmlns='jabber:client' from='p%d@x/%d' to='p%d@x/%d' n='%d'/>", from,
             resource, to, resource, number);
    struct archive_entry e = {.origin = (uint64_t)number + 1, .stanza = str_c(stanza)};
    if (from != to && roll(6)) e.out = (struct archive_owner){from, clock_us++, jid(out_peer, to), ARCHIVE_OUT};
    if (from == to || !e.out.account || roll(6))
        e.in = (struct archive_owner){to, clock_us++, jid(in_peer, from), offline | hidden};
    assert_int_equal(archive_add(db, &e), 0);
    model_add(&e.out, to, resource, number);
    model_add(&e.in, from, resource, number);
    if (roll(10)) return;
    e.out.sequence = e.in.sequence = clock_us++; /* sent once more */
    assert_int_equal(archive_add(db, &e), ERR_EXISTS);
}

/* --- queries --- */

struct page {
    struct kept rows[300];
    size_t count, stop_at;
};

static bool page_row(void *arg, const struct archive_row *row) {
    struct page *page = arg;
    const char *n = memmem(row->stanza.p, row->stanza.len, " n='", 4);
    assert_non_null(n);
    page->rows[page->count++] = (struct kept){
        .sequence = row->sequence, .flags = row->flags, .peer = atoi(row->peer.p + 1), .number = atoi(n + 4)};
    return page->count != page->stop_at;
}

static void page_compare(const struct page *got, const struct kept *expected, size_t count) {
    assert_int_equal(got->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(got->rows[i].sequence, expected[i].sequence);
        assert_int_equal(got->rows[i].number, expected[i].number);
        assert_int_equal(got->rows[i].flags, expected[i].flags);
        assert_int_equal(got->rows[i].peer, expected[i].peer);
    }
}

static void reverse(struct kept *rows, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        struct kept row = rows[i];
        rows[i] = rows[count - 1 - i];
        rows[count - 1 - i] = row;
    }
}

static void query_check(struct db *db, const struct archive_query *q, int with, int resource) {
    static struct kept all[2 * MESSAGES_MAX];
    static struct page page;
    size_t n = 0;
    for (size_t i = 0; i < model_count; i++)
        if (kept_matches(&model[i], q, with, resource)) all[n++] = model[i];
    qsort(all, n, sizeof *all, kept_order);
    size_t want = n < q->max ? n : q->max;
    bool complete;
    page.count = page.stop_at = 0;
    assert_int_equal(archive_query(db, q, page_row, &page, &complete), 0);
    if (q->backwards) reverse(all, n);
    page_compare(&page, all, want);
    assert_int_equal(complete, want == n);
    uint32_t counted, limit = (uint32_t)roll(50);
    assert_int_equal(archive_count(db, q, limit, &counted), 0);
    assert_int_equal(counted, n < limit ? n : limit);
    if (want > 1) {
        page.count = 0;
        page.stop_at = want - 1;
        assert_int_equal(archive_query(db, q, page_row, &page, &complete), 0);
        assert_int_equal(page.count, want - 1);
        assert_false(complete);
    }
}

static int64_t some_time(void) {
    return roll(3) ? 0 : 1000 + (int64_t)roll((uint64_t)(clock_us - 1000) + 5);
}

/* Of anybody's rows, rising. */
static void ids_random(struct archive_query *q, int64_t *ids, uint32_t max) {
    q->ids = ids;
    for (size_t i = roll(5); i < model_count && q->ids_count < max; i += 1 + roll(model_count / 8 + 1)) {
        int64_t id = model[i].sequence;
        if (q->ids_count == 0 || id > ids[q->ids_count - 1]) ids[q->ids_count++] = id;
    }
}

static void query_random(struct db *db) {
    char with[32], full[40];
    struct archive_query q = {.account = (int64_t)roll(ACCOUNTS) + 1,
                              .from = some_time(),
                              .to = some_time(),
                              .after = some_time(),
                              .before = some_time(),
                              .backwards = roll(2),
                              .max = (uint32_t)roll(roll(2) ? 5 : 250),
                              .offline = roll(4) == 0};
    int peer = roll(2) ? (int)roll(ACCOUNTS) + 1 : -1, resource = peer > 0 && roll(3) == 0 ? (int)roll(3) : -1;
    if (peer > 0) q.with = jid(with, peer);
    if (resource >= 0) {
        snprintf(full, sizeof full, "p%d@x/%d", peer, resource);
        q.with_resource = str_c(full);
    }
    int64_t ids[20];
    if (roll(4) == 0) ids_random(&q, ids, 20);
    query_check(db, &q, peer, resource);
}

static void last_check(struct db *db) {
    int64_t account = (int64_t)roll(ACCOUNTS) + 1, last = 0, got;
    const struct kept *any = model_count ? &model[roll(model_count)] : NULL;
    for (size_t i = 0; i < model_count; i++)
        if (model[i].account == account && model[i].sequence > last) last = model[i].sequence;
    assert_int_equal(archive_last(db, account, &got), 0);
    assert_int_equal(got, last);
    if (any)
        assert_int_equal(archive_has(db, any->account, any->sequence), any->flags & ARCHIVE_HIDDEN ? ERR_NOT_FOUND : 0);
    assert_int_equal(archive_has(db, account, clock_us + 1), ERR_NOT_FOUND);
}

static void hidden_gone(struct db *db, int64_t account, int64_t mark) {
    bool more = true;
    while (more) assert_int_equal(archive_drop_hidden(db, account, mark, 3, &more), 0);
}

static void hidden_drop(struct db *db) {
    int64_t account = (int64_t)roll(ACCOUNTS) + 1, mark = some_time();
    hidden_gone(db, account, mark);
    size_t kept = 0;
    for (size_t i = 0; i < model_count; i++)
        if (model[i].account != account || model[i].sequence > mark || !(model[i].flags & ARCHIVE_HIDDEN))
            model[kept++] = model[i];
    model_count = kept;
}

/* A message goes when all its rows are old. */
static void expire(struct db *db) {
    int64_t upto = 1000 + (int64_t)roll((uint64_t)(clock_us - 1000) / 2 + 1), cursor = 0;
    static int64_t newest[MESSAGES_MAX];
    bool more = true;
    while (more) assert_int_equal(archive_expire(db, upto, 7, &cursor, &more), 0);
    memset(newest, 0, sizeof newest);
    for (size_t i = 0; i < model_count; i++)
        if (model[i].sequence > newest[model[i].number]) newest[model[i].number] = model[i].sequence;
    size_t kept = 0;
    for (size_t i = 0; i < model_count; i++)
        if (newest[model[i].number] > upto) model[kept++] = model[i];
    model_count = kept;
}

/* --- the walk through it --- */

static struct archive_shared shared;

static struct db *reopen(void **state, bool late) {
    struct db *db = *state;
    archive_index_detach(db);
    db_close(&db);
    db = *state = unit_open();
    memset(&shared, 0, sizeof shared);
    shared.rows_max = (uint32_t)roll(200) + 1;
    if (late) assert_int_equal(archive_index_attach(db, &shared, NULL, NULL), 0);
    return db;
}

static void one_transaction(struct db *db) {
    size_t before = model_count;
    assert_int_equal(db_begin(db), 0);
    for (uint64_t n = roll(40); n; n--) message_add(db);
    if (roll(3) == 0) query_random(db);
    assert_int_equal(archive_index_tidy(db), 0);
    if (roll(4) == 0) {
        db_rollback(db);
        model_count = before;
        return;
    }
    if (roll(8) == 0) hidden_drop(db);
    if (roll(30) == 0) expire(db);
    assert_int_equal(db_commit(db), 0);
}

static void random_walk(void **state, uint64_t seed, bool late) {
    dice = seed;
    model_count = 0;
    numbers = 0;
    clock_us = 1000;
    struct db *db = reopen(state, late);
    while (numbers + 50 < 1500) {
        one_transaction(db);
        assert_int_equal(db_begin(db), 0);
        for (int i = 0; i < 5; i++) query_random(db);
        last_check(db);
        assert_int_equal(db_commit(db), 0);
        if (roll(20) == 0) db = reopen(state, late);
    }
}

static void walk(void **state, bool late) {
    const char *one = getenv("CONFAB_SEED");
    for (uint64_t seed = one ? strtoull(one, NULL, 10) : 1, last = one ? seed : 3; seed <= last; seed++) {
        print_message("CONFAB_SEED=%d\n", (int)seed);
        random_walk(state, seed, late);
        archive_index_detach(*state);
        assert_int_equal(db_script(*state, "DELETE FROM messages; DELETE FROM archive_rows; DELETE FROM "
                                           "archive_origins; UPDATE archive_settled SET message = 0"),
                         0);
    }
}

static void test_at_once(void **state) {
    walk(state, false);
}

static void test_late(void **state) {
    walk(state, true);
}

/* --- by hand --- */

static void add(struct db *db, int64_t account, int64_t sequence, unsigned flags, const char *stanza) {
    struct archive_entry e = {.in = {account, sequence, STR("b@x"), flags}, .stanza = str_c(stanza)};
    assert_int_equal(archive_add(db, &e), 0);
}

static void test_the_last_is_not_forgotten(void **state) {
    struct db *db = *state;
    int64_t id, last;
    assert_int_equal(accounts_create(db, STR("a@x"), NULL, NULL, 1, &id), 0);
    add(db, id, 10, 0, "<m n='1'/>");
    add(db, id, 20, ARCHIVE_OFFLINE | ARCHIVE_HIDDEN, "<m n='2'/>");
    assert_int_equal(accounts_set_offline_mark(db, id, 20), 0);
    hidden_gone(db, id, 20);
    assert_int_equal(archive_last(db, id, &last), 0);
    assert_int_equal(last, 20);
}

static void test_handing_over(void **state) {
    struct db *db = *state;
    static struct page page;
    uint32_t n;
    add(db, 1, 10, ARCHIVE_OFFLINE, "<m n='1'/>");
    add(db, 1, 20, ARCHIVE_OFFLINE | ARCHIVE_HIDDEN, "<m n='2'/>");
    add(db, 1, 30, 0, "<m n='3'/>");
    add(db, 1, 40, ARCHIVE_OUT, "<m n='4'/>"); /* sent to others: nothing to hand over */
    add(db, 1, 50, ARCHIVE_OFFLINE, "<m n='5'/>");
    assert_int_equal(archive_offline_count(db, 1, 0, 10, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(archive_offline_count(db, 1, 10, 1, &n), 0);
    assert_int_equal(n, 1);
    for (int i = 0; i < 2; i++) assert_int_equal(archive_owe_again(db, 1, (const int64_t[]){20, 10}, 2), 0);
    hidden_gone(db, 1, 30); /* 20 is owed again: stays */
    page.count = page.stop_at = 0;
    assert_int_equal(archive_owed_again_each(db, 1, page_row, &page), 0);
    assert_int_equal(page.count, 2);
    assert_int_equal(page.rows[0].sequence, 10);
    assert_int_equal(page.rows[1].sequence, 20);
    assert_int_equal(archive_owed_again_done(db, 1, (const int64_t[]){20}, 1), 0);
    hidden_gone(db, 1, 30);
    page.count = 0;
    assert_int_equal(archive_owed_again_each(db, 1, page_row, &page), 0);
    assert_int_equal(page.count, 1);
}

static void test_a_contact_may_use_my_ids(void **state) {
    struct db *db = *state;
    struct archive_entry e = {.out = {1, 10, STR("b@x"), ARCHIVE_OUT}, .origin = 7, .stanza = STR("<m/>")};
    assert_int_equal(archive_add(db, &e), 0);
    struct archive_entry theirs = {
        .in = {1, 11, STR("b@x"), 0}, .origin = 7, .stanza = STR("<m/>")}; /* the sender keeps none */
    assert_int_equal(archive_add(db, &theirs), 0);
    theirs.in.sequence = 12;
    assert_int_equal(archive_add(db, &theirs), ERR_EXISTS);
}

static void test_ten_old_ones_among_many(void **state) {
    struct db *db = *state;
    assert_int_equal(db_begin(db), 0);
    for (int i = 0; i < 20000; i++) {
        struct archive_entry e = {.in = {1, 100 + i, i < 10 ? STR("old@x") : STR("new@x"), 0},
                                  .stanza = STR("<m n='1'/>")};
        assert_int_equal(archive_add(db, &e), 0);
    }
    assert_int_equal(db_commit(db), 0);
    static struct page page;
    bool complete;
    struct archive_query q = {.account = 1, .with = STR("old@x"), .max = 20, .backwards = true};
    int64_t fetched = db_pages_fetched(db);
    page.count = page.stop_at = 0;
    assert_int_equal(archive_query(db, &q, page_row, &page, &complete), 0);
    assert_true(page.count == 10 && complete);
    assert_in_range(db_pages_fetched(db) - fetched, 1, 70); /* a scan looks at hundreds */
    fetched = db_pages_fetched(db);
    uint32_t counted;
    assert_int_equal(archive_count(db, &q, 100, &counted), 0);
    assert_int_equal(counted, 10);
    assert_in_range(db_pages_fetched(db) - fetched, 1, 50);
}

static int64_t number_of(struct db *db, const char *sql) {
    struct db_statement *s = db_prepare(db, sql);
    int64_t number = db_step(s) == 1 ? db_int(s, 0) : -1;
    db_finish(s);
    return number;
}

static void test_what_is_old_goes_with_all_that_is_its(void **state) {
    struct db *db = *state;
    for (int i = 0; i < 5; i++) {
        struct archive_entry e = {.out = {1, 10 + 10 * i, STR("b@x"), ARCHIVE_OUT | ARCHIVE_COUNTS},
                                  .in = {2, 11 + 10 * i, STR("a@x"), ARCHIVE_OFFLINE | ARCHIVE_COUNTS},
                                  .origin = (uint64_t)i + 1,
                                  .stanza = STR("<m/>")};
        assert_int_equal(archive_add(db, &e), 0);
    }
    assert_int_equal(archive_owe_again(db, 2, (const int64_t[]){11, 31}, 2), 0);
    struct db_statement *s = db_prepare(db, "INSERT INTO inbox VALUES (2, ?1, 51, 11, 5, 0, 51)");
    db_bind_int(s, 1, archive_peer_hash(STR("a@x")));
    assert_int_equal(db_run(s), 0);
    int64_t cursor = 0;
    bool more;
    assert_int_equal(archive_expire(db, 30, 2, &cursor, &more), 0); /* 30 is as old as that, 31 is not: it stays */
    assert_true(more);
    assert_int_equal(archive_expire(db, 30, 2, &cursor, &more), 0);
    assert_false(more);
    assert_int_equal(archive_has(db, 1, 20), ERR_NOT_FOUND);
    assert_int_equal(archive_has(db, 1, 30), 0);
    assert_int_equal(archive_has(db, 2, 31), 0);
    assert_int_equal(number_of(db, "SELECT count(*) FROM messages"), 3);
    assert_int_equal(number_of(db, "SELECT count(*) FROM archive_rows"), 6);
    assert_int_equal(number_of(db, "SELECT count(*) FROM archive_origins"), 3);
    assert_int_equal(number_of(db, "SELECT count(*) FROM owed_again"), 1);
    assert_int_equal(number_of(db, "SELECT unread * 100 + first FROM inbox"), 331);
    cursor = 0;
    assert_int_equal(archive_expire(db, 100, 100, &cursor, &more), 0);
    assert_int_equal(number_of(db,
                               "SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM archive_rows) + (SELECT "
                               "count(*) FROM archive_origins) + (SELECT count(*) FROM inbox)"),
                     0);
}

/* One row in 700 is of that resource: a thousand rows are looked at, then it goes on where it was. */
static void test_a_resource_is_looked_for_in_pieces(void **state) {
    struct db *db = *state;
    char stanza[80];
    assert_int_equal(db_begin(db), 0);
    for (int i = 0; i < 5000; i++) {
        snprintf(stanza, sizeof stanza, "<m to='a@x' from='b@x/%s' n='%d'/>", i % 700 ? "one" : "two", i);
        struct archive_entry e = {.in = {1, 100 + i, STR("b@x"), 0}, .stanza = str_c(stanza)};
        assert_int_equal(archive_add(db, &e), 0);
    }
    assert_int_equal(db_commit(db), 0);
    for (int backwards = 0; backwards < 2; backwards++) {
        static struct page page;
        int64_t looked = 0;
        int pieces = 0;
        bool complete;
        struct archive_query q = {.account = 1, .with = STR("b@x"), .with_resource = STR("b@x/two"), .looked = &looked};
        q.backwards = backwards;
        page.count = page.stop_at = 0;
        do {
            q.max = 100;
            assert_int_equal(archive_query(db, &q, page_row, &page, &complete), 0);
            assert_int_equal(complete, looked == 0);
            *(backwards ? &q.before : &q.after) = looked;
            pieces++;
        } while (looked);
        assert_int_equal(page.count, 8);
        assert_int_equal(pieces, 5);
        for (int i = 0; i < 8; i++) assert_int_equal(page.rows[i].number, 700 * (backwards ? 7 - i : i));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_db(test_at_once),
        with_db(test_late),
        with_db(test_handing_over),
        with_db(test_the_last_is_not_forgotten),
        with_db(test_a_contact_may_use_my_ids),
        with_db(test_ten_old_ones_among_many),
        with_db(test_what_is_old_goes_with_all_that_is_its),
        with_db(test_a_resource_is_looked_for_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
