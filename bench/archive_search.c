/*
 * archive_search.c: what a search costs, and what the index does. One account has an eleventh of all messages, the others are between ten thousand
 * accounts in random pairs; words fall off in number as in a language. At each size: the CPU of the indexer and bytes of its file a message, then
 * searches of every kind: the rows they gave, the pages of both databases they looked at, the reader's CPU, and that of the longest call.
 *
 *   archive_search [--check] DIRECTORY MESSAGES...
 *
 * --check: ends with 1 when a search at the last size reads more pages than one may.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "store/archive_index.h"
#include "store/db.h"
#include "store/migrate.h"
#include "store/search.h"

#define FIRST_US INT64_C(1600000000000000)
#define STEP_US INT64_C(10000000)

enum { ACCOUNTS = 10000, OF_ONE = 11, PAGE = 20, ROUNDS = 20, WORDS = 50000, BODY = 10, BUSY = 50 };
enum { PAGES_MAX = 16000 /* of one page of results, on 31 shelves: of 4 KB, most of them seen before */ };

static uint64_t seed = 88172645463325252u;

static uint64_t roll(uint64_t n) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

static double cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* --- filling --- */

static struct str jid_of(char out[64], uint64_t at) {
    snprintf(out, 64, "load%06u@localhost", (unsigned)at);
    return str_c(out);
}

/* The word of a rank: letters, the same ones for the same rank, beginning with any. */
static void word_put(struct buf *out, uint64_t rank) {
    uint64_t n = rank * 7919 + 26;
    do buf_add_char(out, (char)('a' + n % 26));
    while (n /= 26);
}

/* Zipf: the rank r comes as often as 1/r. */
static uint64_t rank_roll(void) {
    double u = (double)roll(1000000) / 1e6;
    return (uint64_t)pow(WORDS, u) - 1;
}

static void add_message(struct db *db, int64_t i) {
    char jids[2][64];
    bool of_one = i % OF_ONE == 0, turned = roll(2);
    uint64_t a = of_one ? 0 : 1 + roll(ACCOUNTS - 1), b = of_one ? 1 + roll(BUSY) : 1 + roll(ACCOUNTS - 1);
    uint64_t from = turned ? b : a, to = turned ? a : b;
    int64_t at = FIRST_US + i * STEP_US;
    struct str sender = jid_of(jids[0], from), recipient = jid_of(jids[1], to);
    struct buf stanza = BUF_INIT;
    buf_printf(&stanza, "<message xmlns='jabber:client' from='%s/phone' to='%s' type='chat' id='m%lld'><body>", jids[0],
               jids[1], (long long)i);
    for (uint64_t words = 4 + roll(2 * (BODY - 4)); words > 0; words--) {
        word_put(&stanza, rank_roll());
        buf_add_char(&stanza, ' ');
    }
    if (of_one && i / OF_ONE % 50000 == 777) BUF_ADD_LIT(&stanza, "needle");
    BUF_ADD_LIT(&stanza, "</body></message>");
    struct archive_entry entry = {
        .out = {(int64_t)from + 1, at, recipient, ARCHIVE_OUT},
        .in = {(int64_t)to + 1, at + 1, sender, ARCHIVE_OFFLINE},
        .stanza = buf_str(&stanza),
    };
    if (from == to) entry.out.account = 0;
    CHECK(archive_add(db, &entry) == 0);
    buf_free(&stanza);
}

static void fill(const char *path, int64_t begin, int64_t end) {
    static struct archive_shared shared;
    struct db *db;
    CHECK(db_open(&(struct db_options){.path = path, .sync_off = true}, &db) == 0 && migrate(db) == 0);
    CHECK(archive_index_attach(db, &shared, NULL, NULL) == 0);
    for (int64_t i = begin; i < end;) {
        CHECK(db_begin(db) == 0);
        for (int64_t last = i + 500 < end ? i + 500 : end; i < last; i++) add_message(db, i);
        CHECK(archive_index_tidy(db) == 0 && db_commit(db) == 0);
        db_tidy(db);
    }
    archive_index_detach(db);
    db_close(&db);
}

/* --- searches --- */

static const struct kind {
    const char *name, *words;
    uint64_t ranks[2]; /* without words: of these ranks, the second if it is not 0 */
    uint64_t contact;  /* 0: anybody */
} kinds[] = {
    {"rare word", "needle", {0, 0}, 0},
    {"no hit", "xxneverxx", {0, 0}, 0},
    {"common word", NULL, {1, 0}, 0},
    {"middling word", NULL, {3000, 0}, 0},
    {"two words, common", NULL, {1, 2}, 0},
    {"two words, one rare", NULL, {1, 40000}, 0},
    {"two words, both middling", NULL, {2000, 3000}, 0},
    {"prefix of one letter", "a", {0, 0}, 0},
    {"prefix of three", "nee", {0, 0}, 0},
    {"common, with a contact", NULL, {1, 0}, 7},
    {"middling, with a contact", NULL, {3000, 0}, 7},
    {"common, with nobody", NULL, {1, 0}, ACCOUNTS + 7},
    {"common and no hit", NULL, {1, 0}, 0},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static bool take(void *arg, const struct archive_row *row) {
    (void)row;
    ++*(uint32_t *)arg;
    return true;
}

static struct terms terms_of(struct arena *arena, const struct kind *kind) {
    struct buf text = BUF_INIT;
    if (kind->words) buf_add_str(&text, str_c(kind->words));
    if (!kind->words) word_put(&text, kind->ranks[0]);
    buf_add_char(&text, ' ');
    if (kind->ranks[1]) word_put(&text, kind->ranks[1]);
    if (kind == &kinds[KINDS - 1]) BUF_ADD_LIT(&text, "xxneverxx");
    struct terms terms = terms_read(arena, buf_str(&text));
    buf_free(&text);
    return terms;
}

struct cost {
    uint32_t rows, calls;
    double us, call_us_max;
};

/* One page of the newest, in as many calls as it takes. */
static void page_search(struct search *search, struct db *db, const struct kind *kind, const struct terms *terms,
                        struct cost *out) {
    char with[64];
    int64_t looked = 1;
    struct archive_query q = {.account = 1, .backwards = true, .looked = &looked};
    if (kind->contact) q.with = jid_of(with, kind->contact);
    out->rows = out->calls = 0;
    while (looked) {
        bool complete;
        double began_us = cpu_us();
        q.max = PAGE - out->rows;
        CHECK(db_begin(db) == 0);
        CHECK(search_query(search, db, &q, terms, take, &out->rows, &complete) == 0);
        CHECK(db_commit(db) == 0);
        double us = cpu_us() - began_us;
        if (us > out->call_us_max) out->call_us_max = us;
        out->us += us;
        out->calls++;
        q.before = looked;
    }
}

static bool measure(struct search *search, const char *path) {
    struct db *db;
    bool good = true;
    struct arena *arena = arena_new();
    CHECK(db_open(&(struct db_options){.path = path, .read_only = true}, &db) == 0);
    for (int k = 0; k < KINDS; k++) {
        struct terms terms = terms_of(arena, &kinds[k]);
        struct cost cost = {0};
        struct search_stats before, after;
        page_search(search, db, &kinds[k], &terms, &cost); /* to warm up */
        cost = (struct cost){0};
        search_stats(search, &before);
        int64_t fetched = db_pages_fetched(db);
        for (int i = 0; i < ROUNDS; i++) page_search(search, db, &kinds[k], &terms, &cost);
        search_stats(search, &after);
        double pages = (double)(db_pages_fetched(db) - fetched + (int64_t)(after.pages - before.pages)) / ROUNDS;
        printf("  %-28s %3u rows %3u calls %9.1f pages %9.1f us %9.1f us in one call\n", kinds[k].name, cost.rows,
               cost.calls, pages, cost.us / ROUNDS, cost.call_us_max);
        if (pages <= PAGES_MAX) continue;
        printf("too much: %s\n", kinds[k].name);
        good = false;
    }
    db_close(&db);
    arena_free(&arena);
    return good;
}

static void remove_files(const char *path) {
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        char file[4200];
        snprintf(file, sizeof file, "%s%s", path, endings[i]);
        unlink(file);
    }
}

static bool at_size(const char *path, const char *index, int64_t filled, int64_t messages) {
    fill(path, filled, messages);
    struct stat archive, file;
    struct search *search = search_open(&(struct search_options){.archive = path, .index = index, .manual = true});
    double began_us = cpu_us();
    int did;
    while ((did = search_step(search)) == 1) {}
    double us = cpu_us() - began_us;
    CHECK(did == 0 && stat(path, &archive) == 0 && stat(index, &file) == 0);
    printf(
        "%lld messages, %lld of one account; indexing %.1f us a message; bytes a message: archive %.0f, index %.0f\n",
        (long long)messages, (long long)messages / OF_ONE, us / (double)(messages - filled),
        (double)archive.st_size / (double)messages, (double)file.st_size / (double)messages);
    bool good = measure(search, path);
    search_close(&search);
    fflush(stdout);
    return good;
}

int main(int argc, char **argv) {
    bool checks = false, good = true;
    char path[4096] = "", index[4096];
    int64_t filled = 0;
    for (int i = 1; i < argc; i++) {
        if (str_eq(str_c(argv[i]), STR("--check"))) {
            checks = true;
        } else if (!*path) {
            snprintf(path, sizeof path, "%s/archive-search.db", argv[i]);
            snprintf(index, sizeof index, "%s/archive-search-index.db", argv[i]);
            remove_files(path);
            remove_files(index);
        } else {
            good = at_size(path, index, filled, atoll(argv[i]));
            filled = atoll(argv[i]);
        }
    }
    if (filled == 0) {
        fprintf(stderr, "usage: %s [--check] DIRECTORY MESSAGES...\n", argv[0]);
        return 2;
    }
    remove_files(path);
    remove_files(index);
    return checks && !good ? 1 : 0;
}
