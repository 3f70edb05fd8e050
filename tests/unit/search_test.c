/*
 * search_test.c: searches beside the plain reading of the same archive: random messages, changes, expiry and removals, an indexer that is anywhere
 * behind, pages of any size in both directions. CONFAB_SEED=N replays one seed.
 */
#include "store_unit.h"

#include <fcntl.h>

#include "base/arena.h"
#include "store/accounts.h"
#include "store/archive.h"
#include "store/retention.h"
#include "store/search.h"
#include "store/search_text.h"

#define ACCOUNTS 4
#define PEERS 3
#define FOUND_MAX 4000

static uint64_t dice;
static int64_t clock_us, numbers;
static char index_path[128];

static uint64_t roll(uint64_t n) {
    dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (dice >> 33) % n;
}

static const char *const words[] = {"lunch",    "launch", "Größe", "grosse", "a",     "an",    "ananas",
                                    "tomorrow", "東京都", "京",    "pizza",  "Pizza", "x1x0w", "delete"};
enum { WORDS = sizeof words / sizeof *words };

/* --- the archive --- */

static struct str text_of(struct arena *arena, unsigned count) {
    struct str text = STR("");
    for (unsigned i = 0; i < count; i++) text = ARENA_CONCAT(arena, text, STR(" "), str_c(words[roll(WORDS)]));
    return text;
}

static void message_add(struct db *db) {
    struct arena *arena = arena_new();
    const char *extra = roll(8) ? "" : "<encrypted xmlns='urn:xmpp:omemo:2'/>";
    struct str stanza = arena_printf(arena, "<message xmlns='jabber:client'><body>%.*s</body>%s</message>",
                                     STR_FMT(text_of(arena, 1 + (unsigned)roll(4))), extra);
    unsigned hidden = roll(20) ? 0 : ARCHIVE_HIDDEN;
    clock_us += 1 + (int64_t)roll(3);
    /* As homes give them: each once in an account, but not stored in their order. */
    int64_t low = numbers++ % 64, now = (clock_us - (int64_t)roll(20)) * 64 + low,
            then = (clock_us - (int64_t)roll(20)) * 64 + low;
    struct archive_entry entry = {.stanza = stanza};
    int64_t to = 1 + (int64_t)roll(ACCOUNTS), from = (int64_t)roll(ACCOUNTS + 1);
    entry.in =
        (struct archive_owner){to, now, arena_printf(arena, "p%d@x", (int)roll(PEERS)), ARCHIVE_OFFLINE | hidden};
    if (from && from != to)
        entry.out = (struct archive_owner){from, roll(2) ? now : then, arena_printf(arena, "p%d@x", (int)roll(PEERS)),
                                           ARCHIVE_OUT};
    if (db_begin(db)) abort();
    int err = archive_add(db, &entry);
    if (err)
        db_rollback(db);
    else
        assert_int_equal(db_commit(db), 0);
    arena_free(&arena);
}

static void run(struct db *db, int (*change)(struct db *db)) {
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(change(db), 0);
    assert_int_equal(db_commit(db), 0);
}

/* It loses words, or all. */
static int tombstone(struct db *db) {
    struct db_statement *s =
        roll(2) ? db_prepare(db, "UPDATE messages SET stanza = '<message xmlns=''jabber:client''><body>pizza</body>"
                                 "</message>' WHERE id % 7 = ?1 AND stanza LIKE '%pizza%'")
                : db_prepare(db, "UPDATE messages SET stanza = '<message xmlns=''jabber:client''><retracted "
                                 "xmlns=''x''/></message>' WHERE id % 7 = ?1");
    db_bind_int(s, 1, (int64_t)roll(7));
    return db_run(s);
}

static int expire(struct db *db) {
    int64_t cursor = 0;
    bool more;
    return archive_expire(db, (clock_us - (int64_t)roll(1000)) * 64, 50, &cursor, &more);
}

static int drop(struct db *db) {
    bool more;
    return archive_drop(db, 1 + (int64_t)roll(ACCOUNTS), 20, &more);
}

/* --- both ways to find --- */

struct found {
    struct arena *arena;
    const struct terms *wanted; /* NULL: all of them */
    int64_t rows[FOUND_MAX];
    uint32_t count;
};

static bool found_add(void *arg, const struct archive_row *row) {
    struct found *f = arg;
    struct terms t = search_text(f->arena, row->stanza);
    assert_true(f->wanted || t.count);
    if (!f->wanted || terms_match(&t, f->wanted)) f->rows[f->count++] = row->sequence;
    assert_true(f->count < FOUND_MAX);
    return true;
}

static void search_pages(struct search *search, struct db *db, struct archive_query q, const struct terms *wanted,
                         struct found *out) {
    int64_t looked = 0;
    bool complete = false;
    uint32_t page = q.max;
    q.looked = &looked;
    for (int calls = 0; !complete; calls++) {
        uint32_t before = out->count;
        assert_int_equal(search_query(search, db, &q, wanted, found_add, out, &complete), 0);
        assert_true(out->count - before <= page);
        int64_t at = looked ? looked : out->count > before ? out->rows[out->count - 1] : 0;
        assert_true(complete || at != 0);
        *(q.backwards ? &q.before : &q.after) = at;
        assert_true(calls < FOUND_MAX);
    }
}

static void compare(struct search *search, struct db *db) {
    struct arena *arena = arena_new();
    struct found *plain = calloc(1, sizeof *plain), *found = calloc(1, sizeof *found);
    struct terms wanted = terms_read(arena, text_of(arena, 1 + (unsigned)roll(2)));
    if (roll(3) == 0) wanted.list[0].len = 1 + (roll(2) ? wanted.list[0].len / 2 : 0);
    if ((wanted.list[0].p[0] & 0x80) != 0) wanted = terms_read(arena, STR("京"));
    struct archive_query q = {.account = 1 + (int64_t)roll(ACCOUNTS), .backwards = roll(2), .max = FOUND_MAX};
    bool complete;
    if (roll(3) == 0) q.with = arena_printf(arena, "p%d@x", (int)roll(PEERS));
    if (roll(3) == 0) q.from = clock_us * 64 - (int64_t)roll(90000);
    if (roll(3) == 0) q.to = clock_us * 64 - (int64_t)roll(90000);
    *plain = (struct found){.arena = arena, .wanted = &wanted};
    found->arena = arena;
    assert_int_equal(archive_query(db, &q, found_add, plain, &complete), 0);
    q.max = 1 + (uint32_t)roll(40);
    search_pages(search, db, q, &wanted, found);
    assert_int_equal(found->count, plain->count);
    assert_memory_equal(found->rows, plain->rows, plain->count * sizeof *plain->rows);
    free(plain);
    free(found);
    arena_free(&arena);
}

/* --- the tests --- */

static struct search *unit_search(void) {
    snprintf(index_path, sizeof index_path, "%s/search.db", unit_home);
    return search_open(
        &(struct search_options){.archive = unit_path, .index = index_path, .manual = true, .shelf_rows = 37});
}

static void index_unlink(void) {
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char file[160];
        snprintf(file, sizeof file, "%s%s", index_path, endings[i]);
        unlink(file);
    }
}

static void catch_up(struct search *s) {
    int did;
    while ((did = search_step(s)) == 1) {}
    assert_int_equal(did, 0);
}

static void clear_log(struct search *search, struct db *db) {
    struct search_stats stats;
    bool more;
    search_stats(search, &stats);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(search_changes_drop(db, stats.changes, 10, &more), 0);
    assert_int_equal(db_commit(db), 0);
}

static void beside_plain_reading(void **state) {
    struct db *db = *state;
    const char *given = getenv("CONFAB_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)getpid() * 1000003;
    print_message("CONFAB_SEED=%llu\n", (unsigned long long)seed);
    dice = seed;
    clock_us = 1000;
    struct search *search = unit_search();
    for (int i = 0; i < 3000; i++) {
        uint64_t what = roll(100);
        if (what < 70)
            message_add(db);
        else if (what < 72)
            run(db, tombstone);
        else if (what == 72)
            run(db, expire);
        else if (what == 73)
            run(db, drop);
        else if (what < 78)
            search_step(search);
        else if (what == 78)
            clear_log(search, db);
        else if (what == 79 && roll(4) == 0)
            search_rebuild(search);
        else if (what == 80 && roll(4) == 0) { /* a restart */
            search_close(&search);
            search = unit_search();
        } else if (what > 90)
            compare(search, db);
    }
    catch_up(search);
    struct search_stats stats;
    search_stats(search, &stats);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(stats.failures, 0);
    for (int i = 0; i < 100; i++) compare(search, db);
    search_close(&search);
    index_unlink();
}

/* Nothing of a message that is gone stays in the index. */
static void forgets(void **state) {
    struct db *db = *state;
    dice = 7;
    clock_us = 1000;
    for (int i = 0; i < 500; i++) message_add(db);
    struct search *search = unit_search();
    catch_up(search);
    struct db_statement *s = db_prepare(db, "UPDATE messages SET stanza = '<message/>'");
    assert_int_equal(db_run(s), 0);
    catch_up(search);
    search_close(&search);
    struct db *index;
    assert_int_equal(db_open(&(struct db_options){.path = index_path}, &index), 0);
    s = db_prepare(index, "SELECT (SELECT count(*) FROM docs), (SELECT count(*) FROM entries('\"1x0w\" *'))");
    assert_int_equal(db_step(s), 1);
    assert_int_equal(db_int(s, 0), 0);
    assert_int_equal(db_int(s, 1), 0);
    db_finish(s);
    db_close(&index);
    index_unlink();
}

static void is_made_anew(struct db *db, uint64_t rebuilds) {
    struct search *search = unit_search();
    for (int i = 0; i < 20; i++) compare(search, db);
    for (int i = 0; i < 100 && search_step(search); i++) {}
    for (int i = 0; i < 20; i++) compare(search, db);
    for (int i = 0; i < 100 && search_step(search); i++) {} /* a query may have been the first to see it */
    struct search_stats stats;
    search_stats(search, &stats);
    assert_true(stats.rebuilds >= rebuilds);
    assert_int_equal(stats.waiting, 0);
    search_close(&search);
}

static void damage(long at, int length) {
    char garbage[4096];
    for (size_t i = 0; i < sizeof garbage; i++) garbage[i] = (char)roll(256);
    int fd = open(index_path, O_RDWR);
    assert_true(fd >= 0);
    assert_true(pwrite(fd, garbage, (size_t)length, at) == length);
    close(fd);
}

static void damaged_files(void **state) {
    struct db *db = *state;
    dice = 11;
    clock_us = 1000;
    for (int i = 0; i < 700; i++) message_add(db);
    struct search *search = unit_search();
    catch_up(search);
    search_close(&search);
    damage(0, 100); /* no database */
    is_made_anew(db, 1);
    damage(100, 2000); /* no schema */
    is_made_anew(db, 1);
    for (long page = 1; page < 12; page++) {
        damage(page * 4096, 4096);
        is_made_anew(db, 0);
    }
    index_unlink();
    is_made_anew(db, 0);
    struct db *other;
    index_unlink();
    assert_int_equal(db_open(&(struct db_options){.path = index_path}, &other), 0);
    assert_int_equal(db_script(other, "CREATE TABLE state (id INTEGER PRIMARY KEY, version, mark, witness, changes); "
                                      "INSERT INTO state VALUES (1, 1, 700, 1, 0)"),
                     0);
    db_close(&other);
    is_made_anew(db, 1); /* not ours */
    index_unlink();
}

/* The archive came out of a backup, the index did not. */
static void ahead_of_the_archive(void **state) {
    struct db *db = *state;
    dice = 13;
    clock_us = 1000;
    for (int i = 0; i < 100; i++) message_add(db);
    struct search *search = unit_search();
    catch_up(search);
    search_close(&search);
    assert_int_equal(db_script(db, "DELETE FROM messages WHERE id > 50; DELETE FROM search_changes; "
                                   "DELETE FROM archive_rows WHERE message > 50; "
                                   "DELETE FROM sqlite_sequence WHERE name = 'search_changes'"),
                     0);
    is_made_anew(db, 1);
    index_unlink();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_db(beside_plain_reading),
        with_db(forgets),
        with_db(damaged_files),
        with_db(ahead_of_the_archive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
