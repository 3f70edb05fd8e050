/*
 * inbox_test.c: the fold over the archive beside a model that counts from the start each time: random messages, markers and marks, rollbacks,
 * restarts with late rows, and what was written down at any moment. CONFAB_SEED=N replays one seed.
 */
#include "store_unit.h"

#include "store/accounts.h"
#include "store/archive.h"
#include "store/archive_index.h"
#include "store/inbox.h"
#include "store/retention.h"

#define PEERS 5
#define EVENTS_MAX 4000

static uint64_t dice;

static uint64_t roll(uint64_t n) {
    dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (dice >> 33) % n;
}

/* --- the model --- */

enum kind { THEIRS, MINE, THEIR_NOTICE, MY_MARKER, HIDDEN, MARK };

struct event {
    enum kind kind;
    int peer;
    int64_t sequence;
    int name;       /* of a message; of a marker: what it names */
    int64_t target; /* of a mark */
};

static struct event events[EVENTS_MAX];
static size_t event_count;
static int64_t account, clock_us;
static struct archive_shared shared;

static struct str jid(int peer) {
    static char text[PEERS][16];
    snprintf(text[peer], sizeof text[peer], "p%d@x", peer);
    return str_c(text[peer]);
}

static int64_t named(const struct event *marker) {
    int64_t found = 0, counted = 0;
    for (const struct event *e = events; e < marker; e++) {
        if (e->peer != marker->peer || (e->kind != THEIRS && e->kind != THEIR_NOTICE)) continue;
        if (e->kind == THEIRS) counted = e->sequence;
        if (e->name == marker->name) found = counted;
    }
    return found;
}

static struct inbox_conversation model_of(int peer, int64_t to) {
    struct inbox_conversation c = {.peer = archive_peer_hash(jid(peer))};
    for (size_t i = 0; i < event_count; i++) {
        const struct event *e = &events[i];
        if (e->peer != peer || e->kind == HIDDEN || (e->sequence > to && e->kind != MARK)) continue;
        int64_t mark = e->kind == MINE ? e->sequence : e->kind == MARK ? e->target : 0;
        if (e->kind == MY_MARKER) mark = named(e);
        if (mark > c.mark) c.mark = mark;
        if (e->kind == THEIRS || e->kind == MINE) c.newest = e->sequence;
        if (e->sequence > c.changed) c.changed = e->sequence;
    }
    for (size_t i = 0; i < event_count; i++) {
        const struct event *e = &events[i];
        if (e->peer != peer || e->kind != THEIRS || e->sequence > to || e->sequence <= c.mark) continue;
        if (c.unread++ == 0) c.first = e->sequence;
    }
    return c;
}

/* --- what happens --- */

static void happens(struct db *db, enum kind kind) {
    char stanza[256];
    struct event e = {.kind = kind, .peer = (int)roll(PEERS), .sequence = clock_us++, .name = (int)roll(60)};
    static const unsigned flags[] = {[THEIRS] = ARCHIVE_OFFLINE | ARCHIVE_COUNTS,
                                     [MINE] = ARCHIVE_OUT | ARCHIVE_COUNTS,
                                     [THEIR_NOTICE] = 0,
                                     [MY_MARKER] = ARCHIVE_OUT | ARCHIVE_MARKER,
                                     [HIDDEN] = ARCHIVE_OFFLINE | ARCHIVE_COUNTS | ARCHIVE_HIDDEN};
    if (kind == MY_MARKER)
        snprintf(stanza, sizeof stanza,
                 "<message xmlns='jabber:client'><displayed xmlns='urn:xmpp:chat-markers:0' id='&apos;%d'/></message>",
                 e.name);
    else
        snprintf(stanza, sizeof stanza, "<message xmlns='jabber:client' id='&apos;%d'/>", e.name);
    struct archive_owner owner = {account, e.sequence, jid(e.peer), flags[kind]};
    struct archive_entry entry = {.stanza = str_c(stanza)};
    if (flags[kind] & ARCHIVE_OUT)
        entry.out = owner;
    else
        entry.in = owner;
    assert_int_equal(archive_add(db, &entry), 0);
    events[event_count++] = e;
}

static void something_happens(struct db *db) {
    static const enum kind kinds[] = {THEIRS, THEIRS, THEIRS, THEIRS, MINE, THEIR_NOTICE, MY_MARKER, MY_MARKER, HIDDEN};
    happens(db, kinds[roll(sizeof kinds / sizeof *kinds)]);
}

/* The owner says to have read up to some row. */
static void mark_happens(struct db *db) {
    if (event_count == 0) return;
    const struct event *e = &events[roll(event_count)];
    bool is_row = e->kind != MARK && e->kind != HIDDEN, is_theirs = roll(5) > 0;
    int peer = is_theirs ? e->peer : (e->peer + 1) % PEERS;
    int64_t place = clock_us++;
    struct inbox_conversation before = model_of(peer, INT64_MAX);
    struct inbox_state state;
    assert_int_equal(inbox_mark(db, account, jid(peer), e->sequence, place, &state), 0);
    assert_int_equal(state.is_there, is_row && is_theirs);
    if (!state.is_there) return;
    assert_int_equal(state.moved, e->sequence > before.mark);
    if (state.moved)
        events[event_count++] = (struct event){.kind = MARK, .peer = peer, .sequence = place, .target = e->sequence};
    struct inbox_conversation after = model_of(peer, INT64_MAX);
    assert_int_equal(state.mark, after.mark);
    assert_int_equal(state.unread, after.unread);
}

/* --- comparing --- */

struct seen {
    struct inbox_conversation list[PEERS];
    uint32_t count, stop_at;
};

static bool see(void *arg, const struct inbox_entry *entry) {
    struct seen *seen = arg;
    assert_true(str_eq(entry->peer, jid(entry->peer.p[1] - '0')));
    assert_int_equal(entry->conversation->peer, archive_peer_hash(entry->peer));
    seen->list[seen->count++] = *entry->conversation;
    return seen->count != seen->stop_at;
}

static void conversation_compare(const struct inbox_conversation *got, const struct inbox_conversation *expected) {
    assert_int_equal(got->peer, expected->peer);
    assert_int_equal(got->newest, expected->newest);
    assert_int_equal(got->first, expected->first);
    assert_int_equal(got->mark, expected->mark);
    assert_int_equal(got->unread, expected->unread);
    assert_int_equal(got->changed, expected->changed);
}

static int newest_first(const void *a, const void *b) {
    int64_t x = ((const struct inbox_conversation *)a)->newest, y = ((const struct inbox_conversation *)b)->newest;
    return (x < y) - (x > y);
}

/* What a query should find; out: the totals. */
static uint32_t model_list(const struct inbox_query *q, struct inbox_conversation *out, struct inbox_totals *totals) {
    uint32_t n = 0;
    *totals = (struct inbox_totals){0};
    for (int peer = 0; peer < PEERS; peer++) {
        struct inbox_conversation c = model_of(peer, q->to);
        if (c.newest == 0) continue;
        totals->conversations++;
        totals->unread += c.unread;
        totals->unread_conversations += c.unread > 0;
        if (c.changed <= q->since || (q->unread_only && c.unread == 0)) continue;
        totals->matching++;
        if (q->before == 0 || c.newest < q->before) out[n++] = c;
    }
    qsort(out, n, sizeof *out, newest_first);
    return n;
}

static void list_check(struct db *db, const struct inbox *inbox, int64_t to) {
    struct inbox_query q = {.to = to,
                            .since = roll(2) ? 0 : (int64_t)roll((uint64_t)clock_us),
                            .before = roll(3) ? 0 : (int64_t)roll((uint64_t)clock_us),
                            .unread_only = roll(3) == 0,
                            .max = (uint32_t)roll(PEERS + 2)};
    struct inbox_conversation expected[PEERS];
    struct inbox_totals want, got;
    struct seen seen = {.stop_at = (uint32_t)roll(4)};
    uint32_t n = model_list(&q, expected, &want), shown = n < q.max ? n : q.max;
    if (seen.stop_at && seen.stop_at < shown) shown = seen.stop_at;
    assert_int_equal(inbox_list(db, inbox, &q, see, &seen, &got), 0);
    assert_int_equal(seen.count, shown);
    for (uint32_t i = 0; i < shown; i++) conversation_compare(&seen.list[i], &expected[i]);
    assert_int_equal(got.conversations, want.conversations);
    assert_int_equal(got.unread_conversations, want.unread_conversations);
    assert_int_equal(got.matching, want.matching);
    assert_int_equal(got.unread, want.unread);
    assert_int_equal(got.complete, shown == n);
    int64_t row = 0, state = 0;
    for (size_t i = 0; i < event_count; i++) {
        const struct event *e = &events[i];
        if (e->sequence > to || e->kind == HIDDEN) continue;
        state = e->sequence;
        if (e->kind != MARK) row = e->sequence;
    }
    assert_int_equal(got.archive, row);
    assert_in_range(got.state, row, state);
    if (to >= clock_us) assert_int_equal(got.state, state);
}

static void fold_check(struct db *db) {
    struct inbox *inbox = inbox_new(account, 0);
    bool more;
    int64_t some = (int64_t)roll((uint64_t)clock_us + 1);
    if (roll(2)) assert_int_equal(inbox_fold(db, inbox, some, &more), 0);
    int64_t to = roll(3) ? clock_us : inbox->upto > some ? inbox->upto : some;
    assert_int_equal(inbox_fold(db, inbox, to, &more), 0);
    assert_false(more);
    if (inbox->upto <= to) list_check(db, inbox, inbox->stored_upto > to ? inbox->stored_upto : to);
    if (roll(3) == 0) {
        if (roll(3) == 0) mark_happens(db); /* somebody else was quicker: maybe what was counted is void */
        assert_int_equal(inbox_write(db, inbox), 0);
    }
    inbox_free(&inbox);
}

/* --- the walk --- */

static struct db *reopen(void **state) {
    struct db *db = *state;
    archive_index_detach(db);
    db_close(&db);
    db = *state = unit_open();
    memset(&shared, 0, sizeof shared);
    shared.rows_max = (uint32_t)roll(100) + 1;
    assert_int_equal(archive_index_attach(db, &shared, NULL, NULL), 0);
    return db;
}

static void one_transaction(struct db *db) {
    size_t before = event_count;
    assert_int_equal(db_begin(db), 0);
    for (uint64_t n = roll(30); n; n--) something_happens(db);
    if (roll(2)) mark_happens(db);
    if (roll(2)) fold_check(db);
    assert_int_equal(archive_index_tidy(db), 0);
    if (roll(5) == 0) {
        db_rollback(db);
        event_count = before;
        return;
    }
    assert_int_equal(db_commit(db), 0);
}

static void test_beside_a_model(void **state) {
    const char *one = getenv("CONFAB_SEED");
    char name[16];
    for (uint64_t seed = one ? strtoull(one, NULL, 10) : 1, last = one ? seed : 12; seed <= last; seed++) {
        print_message("CONFAB_SEED=%d\n", (int)seed);
        dice = seed;
        event_count = 0;
        clock_us = 1000;
        struct db *db = reopen(state);
        snprintf(name, sizeof name, "a%d@x", (int)seed);
        assert_int_equal(accounts_create(db, str_c(name), NULL, NULL, 1, &account), 0);
        while (event_count + 100 < 1200) {
            one_transaction(db);
            if (roll(15) == 0) db = reopen(state);
        }
        archive_index_detach(db);
    }
}

/* --- by hand --- */

static void add(struct db *db, int64_t sequence, unsigned flags, const char *stanza) {
    struct archive_entry e = {.in = {account, sequence, STR("b@x"), flags}, .stanza = str_c(stanza)};
    assert_int_equal(archive_add(db, &e), 0);
}

static void account_make(struct db *db) {
    assert_int_equal(accounts_create(db, STR("a@x"), NULL, NULL, 1, &account), 0);
}

static struct inbox_conversation only_one(const struct inbox *inbox) {
    size_t at = 0;
    const struct inbox_conversation *c = map_next(&inbox->by_peer, &at);
    assert_non_null(c);
    return *c;
}

#define IN (ARCHIVE_OFFLINE | ARCHIVE_COUNTS)
#define MARKS (ARCHIVE_OUT | ARCHIVE_MARKER)

static void test_who_names_nothing_is_not_dear(void **state) {
    struct db *db = *state;
    account_make(db);
    assert_int_equal(db_begin(db), 0);
    for (int i = 0; i < 3000; i++) add(db, 10 + i, IN, "<message xmlns='jabber:client' id='m'/>");
    for (int i = 0; i < 1000; i++)
        add(db, 5000 + i, MARKS,
            "<message xmlns='jabber:client'><displayed xmlns='urn:xmpp:chat-markers:0' id='x'/></message>");
    assert_int_equal(db_commit(db), 0);
    struct inbox *inbox = inbox_new(account, 0);
    bool more;
    assert_int_equal(inbox_fold(db, inbox, INT64_MAX, &more), 0);
    assert_int_equal(only_one(inbox).unread, 3000);
    assert_true(inbox->looks > -20000); /* not three millions */
    inbox_free(&inbox);
}

static void test_a_long_archive_is_counted_in_pieces(void **state) {
    struct db *db = *state;
    account_make(db);
    assert_int_equal(db_begin(db), 0);
    for (int i = 0; i < 45000; i++) add(db, 10 + i, IN, "<message xmlns='jabber:client' id='m'/>");
    assert_int_equal(db_commit(db), 0);
    struct inbox *inbox = inbox_new(account, 0);
    bool more = true;
    int pieces = 0;
    while (more) {
        assert_int_equal(inbox_fold(db, inbox, INT64_MAX, &more), 0);
        pieces++;
    }
    assert_int_equal(pieces, 3);
    assert_int_equal(only_one(inbox).unread, 45000);
    assert_true(inbox_is_worth_writing(inbox));
    assert_int_equal(inbox_write(db, inbox), 0);
    inbox_free(&inbox);
    struct inbox_state got;
    assert_int_equal(inbox_mark(db, account, STR("b@x"), 10 + 44998, 90000, &got), 0);
    assert_int_equal(got.unread, 1);
    inbox = inbox_new(account, 0);
    assert_int_equal(inbox_fold(db, inbox, INT64_MAX, &more), 0);
    assert_int_equal(inbox->folded, 0); /* it was written down */
    assert_int_equal(only_one(inbox).unread, 1);
    inbox_free(&inbox);
    int64_t last;
    assert_int_equal(archive_last(db, account, &last), 0);
    assert_int_equal(last, 90000); /* no sequence is given out twice */
}

/* What was counted before a mark moved is not written over it. */
static void test_a_mark_in_between_stands(void **state) {
    struct db *db = *state;
    account_make(db);
    add(db, 10, IN, "<message xmlns='jabber:client' id='m'/>");
    struct inbox *inbox = inbox_new(account, 0);
    bool more;
    assert_int_equal(inbox_fold(db, inbox, INT64_MAX, &more), 0);
    struct inbox_state got;
    assert_int_equal(inbox_mark(db, account, STR("b@x"), 10, 20, &got), 0);
    assert_int_equal(inbox_write(db, inbox), 0);
    inbox_free(&inbox);
    inbox = inbox_new(account, 0);
    assert_int_equal(inbox_fold(db, inbox, INT64_MAX, &more), 0);
    assert_int_equal(only_one(inbox).unread, 0);
    inbox_free(&inbox);
}

static void test_nothing_is_written_for_who_has_left(void **state) {
    struct db *db = *state;
    account_make(db);
    add(db, 10, IN, "<message xmlns='jabber:client' id='m'/>");
    struct inbox *inbox = inbox_new(account, 0);
    bool more;
    assert_int_equal(inbox_fold(db, inbox, INT64_MAX, &more), 0);
    assert_int_equal(inbox_write(db, inbox), 0);
    assert_int_equal(accounts_delete(db, account, 30), 0);
    assert_int_equal(inbox_drop(db, account, 10, &more), 0);
    assert_false(more);
    inbox->stored_upto = 0;
    assert_int_equal(inbox_write(db, inbox), 0);
    struct inbox_state got;
    assert_int_equal(inbox_mark(db, account, STR("b@x"), 10, 20, &got), 0);
    assert_false(got.is_there);
    struct db_statement *s =
        db_prepare(db, "SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM inbox_accounts)");
    assert_int_equal(db_step(s), 1);
    assert_int_equal(db_int(s, 0), 0);
    db_finish(s);
    inbox_free(&inbox);
}

static struct inbox *folded(struct db *db, int64_t gone) {
    struct inbox *inbox = inbox_new(account, 0);
    bool more;
    inbox->gone = gone;
    assert_int_equal(inbox_fold(db, inbox, INT64_MAX, &more), 0);
    return inbox;
}

static void expire(struct db *db, int64_t upto) {
    int64_t cursor = 0;
    bool more;
    assert_int_equal(archive_expire(db, upto, 100, &cursor, &more), 0);
}

static void test_old_ones_go(void **state) {
    struct db *db = *state;
    account_make(db);
    for (int i = 10; i <= 50; i += 10) add(db, i, IN, "<message xmlns='jabber:client' id='m'/>");
    struct inbox *early = folded(db, 0), *late = folded(db, 20);
    assert_int_equal(only_one(early).unread, 5);
    assert_int_equal(only_one(late).unread, 3); /* still on the disk */
    assert_int_equal(only_one(late).first, 30);
    inbox_free(&late);
    expire(db, 20);
    assert_int_equal(inbox_write(db, early), 0); /* is not so any more */
    inbox_free(&early);
    struct inbox *inbox = folded(db, 20);
    assert_int_equal(only_one(inbox).unread, 3);
    assert_int_equal(inbox_write(db, inbox), 0);
    inbox_free(&inbox);
    /* A mark ahead of what was counted outlives the rows that were. */
    add(db, 60, IN, "<message xmlns='jabber:client' id='m'/>");
    struct inbox_state got;
    assert_int_equal(inbox_mark(db, account, STR("b@x"), 60, 70, &got), 0);
    assert_int_equal(got.unread, 0);
    expire(db, 50);
    inbox = folded(db, 50);
    assert_int_equal(only_one(inbox).unread, 0);
    assert_int_equal(only_one(inbox).mark, 60);
    assert_int_equal(only_one(inbox).newest, 60);
    inbox_free(&inbox);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_db(test_beside_a_model),
        with_db(test_who_names_nothing_is_not_dear),
        with_db(test_a_long_archive_is_counted_in_pieces),
        with_db(test_a_mark_in_between_stands),
        with_db(test_old_ones_go),
        with_db(test_nothing_is_written_for_who_has_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
