/*
 * archive_pages.c: what a page of an archive costs, however long the archive is. Messages of 300 bytes between ten thousand accounts in random
 * pairs, every tenth with one account that so has a tenth of them all; eleven contacts write to it, one of them ten times long ago and never
 * again. At each size: pages of every kind, with the rows they gave, the database's pages they looked at, and the CPU of the reader.
 *
 *   archive_pages [--check] [--keep] DIRECTORY MESSAGES...
 *
 * --check: ends with 1 when a page at the last size reads much more than at the first. --keep: leaves DIRECTORY/confab.db, and takes the
 * accounts load000000@localhost and on for its own if they are there: a server can be started on it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "store/accounts.h"
#include "store/archive_index.h"
#include "store/db.h"
#include "store/migrate.h"

#define FIRST_US INT64_C(1600000000000000)
#define STEP_US INT64_C(10000000)

enum {
    ACCOUNTS = 10000,
    OF_ONE = 10 /* one message in so many is the big one's */,
    PAGE = 50,
    ROUNDS = 200,
    SIZES_MAX = 8
};
enum { BUSY = 10, OLD = BUSY + 1, OLD_FROM = 30, OLD_COUNT = 10, IDS = 20 };

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

static int64_t numbers[ACCOUNTS]; /* of the accounts; the big one is the first */

static struct str jid_of(char out[64], uint64_t at) {
    snprintf(out, 64, "load%06u@localhost", (unsigned)at);
    return str_c(out);
}

static void accounts_read(struct db *db) {
    for (int64_t i = 0; i < ACCOUNTS; i++) {
        char jid[64];
        struct account_row row;
        numbers[i] = accounts_find(db, jid_of(jid, (uint64_t)i), &row) == 0 ? row.id : i + 1;
    }
}

/* Of the big one's message k; nobody else has a message then. */
static int64_t time_of(int64_t k) {
    return FIRST_US + k * OF_ONE * STEP_US;
}

static uint64_t contact_of(int64_t k) {
    return k >= OLD_FROM && k < OLD_FROM + OLD_COUNT ? OLD : 1 + roll(BUSY);
}

static void add_message(struct db *db, int64_t i) {
    char jids[2][64], stanza[400];
    bool of_one = i % OF_ONE == 0, turned = roll(2);
    uint64_t a = of_one ? 0 : 1 + roll(ACCOUNTS - 1), b = of_one ? contact_of(i / OF_ONE) : 1 + roll(ACCOUNTS - 1);
    uint64_t from = turned ? b : a, to = turned ? a : b;
    int64_t at = FIRST_US + i * STEP_US;
    struct str sender = jid_of(jids[0], from), recipient = jid_of(jids[1], to);
    int len =
        snprintf(stanza, sizeof stanza,
                 "<message xmlns='jabber:client' from='%s/phone' to='%s' type='chat' id='m%lld'><body>"
                 "%-96s</body><origin-id xmlns='urn:xmpp:sid:0' id='o%lld'/></message>",
                 jids[0], jids[1], (long long)i, "What do you say, shall we go and see it on Friday?", (long long)i);
    struct archive_entry entry = {
        .out = {numbers[from], at, recipient, ARCHIVE_OUT},
        .in = {numbers[to], at, sender, ARCHIVE_OFFLINE},
        .origin = (uint64_t)i + 1,
        .stanza = str_of(stanza, (size_t)len),
    };
    if (from == to) entry.out.account = 0;
    CHECK(archive_add(db, &entry) == 0);
}

static void fill(const char *path, int64_t begin, int64_t end) {
    static struct archive_shared shared;
    struct db *db;
    CHECK(db_open(&(struct db_options){.path = path, .sync_off = true}, &db) == 0 && migrate(db) == 0);
    accounts_read(db);
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

/* --- the pages --- */

/* One question to an archive whose owner has `count` messages, and how many rows must answer it. */
struct question {
    struct archive_query query;
    int64_t count, ids[IDS];
    char with[64];
    uint32_t rows;
    bool counts;
};

/* A place with a page of anybody's messages on either side. */
static int64_t middle(const struct question *q) {
    return time_of((int64_t)(q->count / 3 + (int64_t)roll((uint64_t)q->count / 3)));
}

static void with(struct question *q, uint64_t contact) {
    q->query.with = jid_of(q->with, contact);
}

static void first_page(struct question *q) {
    (void)q;
}
static void last_page(struct question *q) {
    q->query.backwards = true;
}
static void after_id(struct question *q) {
    q->query.after = middle(q);
}
static void before_id(struct question *q) {
    q->query.before = middle(q);
    q->query.backwards = true;
}
static void by_time(struct question *q) {
    q->query.from = middle(q) - 5 * STEP_US;
}
static void by_contact(struct question *q) {
    with(q, 1 + roll(BUSY));
    q->query.backwards = true;
}
static void by_contact_after(struct question *q) {
    with(q, 1 + roll(BUSY));
    q->query.after = time_of(q->count / 20);
    q->query.max = q->rows = PAGE / 5;
}
static void old_contact(struct question *q) {
    with(q, OLD);
    q->query.backwards = true;
    q->rows = OLD_COUNT;
}
static void old_contact_before(struct question *q) {
    with(q, OLD);
    q->query.before = time_of(q->count - 1);
    q->query.backwards = true;
    q->rows = OLD_COUNT;
}
static void nobody(struct question *q) {
    with(q, ACCOUNTS + 7);
    q->rows = 0;
}
static void ids(struct question *q) {
    for (int i = 0; i < IDS; i++) q->ids[i] = time_of(q->count / IDS * i + (int64_t)roll((uint64_t)q->count / IDS));
    q->query.ids = q->ids;
    q->query.ids_count = q->rows = IDS;
}
static void one_row(struct question *q) {
    q->query.max = q->rows = 1;
    q->query.backwards = true;
}
static void count_old(struct question *q) {
    with(q, OLD);
    q->counts = true;
    q->rows = OLD_COUNT;
}
static void count_some(struct question *q) {
    q->query.after = time_of(q->count - 81);
    q->counts = true;
    q->rows = 80;
}

static const struct kind {
    const char *name;
    void (*ask)(struct question *q);
} kinds[] = {
    {"first page", first_page},
    {"last page", last_page},
    {"after an id", after_id},
    {"before an id", before_id},
    {"from a time", by_time},
    {"last page with a contact", by_contact},
    {"with a contact, after an id", by_contact_after},
    {"ten old ones of a contact", old_contact},
    {"the same, before the last id", old_contact_before},
    {"with nobody", nobody},
    {"twenty by id", ids},
    {"the newest (metadata)", one_row},
    {"count with the old contact", count_old},
    {"count of the last 80", count_some},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static double pages[SIZES_MAX][KINDS];

static bool take(void *arg, const struct archive_row *row) {
    (void)row;
    ++*(uint32_t *)arg;
    return true;
}

static void answer(struct db *db, const struct question *q) {
    uint32_t rows = 0;
    bool complete;
    CHECK(db_begin(db) == 0);
    if (q->counts)
        CHECK(archive_count(db, &q->query, 10000, &rows) == 0);
    else
        CHECK(archive_query(db, &q->query, take, &rows, &complete) == 0);
    CHECK(db_commit(db) == 0);
    CHECK(rows == q->rows && (q->counts || complete == (q->rows < q->query.max || q->query.ids)));
}

static void measure(const char *path, int64_t messages, int size) {
    struct db *db;
    CHECK(db_open(&(struct db_options){.path = path, .read_only = true}, &db) == 0);
    for (int k = 0; k < KINDS; k++) {
        int64_t fetched = 0;
        uint32_t rows = 0;
        double began_us = 0;
        for (int i = -10; i < ROUNDS; i++) { /* ten to warm up */
            struct question q = {
                .query = {.account = numbers[0], .max = PAGE}, .count = messages / OF_ONE, .rows = PAGE};
            kinds[k].ask(&q);
            if (i == 0) began_us = cpu_us(), fetched = db_pages_fetched(db);
            answer(db, &q);
            rows = q.rows;
        }
        pages[size][k] = (double)(db_pages_fetched(db) - fetched) / ROUNDS;
        printf("  %-30s %4u rows %8.1f pages %8.1f us\n", kinds[k].name, rows, pages[size][k],
               (cpu_us() - began_us) / ROUNDS);
    }
    db_close(&db);
}

/* Trees grow by a level or two: a row may cost a page more. What scans grows as the archive does. */
static bool is_flat(int sizes) {
    bool flat = true;
    for (int k = 0; k < KINDS; k++) {
        double least = pages[0][k], most = pages[sizes - 1][k];
        if (most <= 2.2 * least + 10) continue;
        printf("not flat: %s: %.1f pages, %.1f at first\n", kinds[k].name, most, least);
        flat = false;
    }
    return flat;
}

static void remove_database(const char *path) {
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        char file[4200];
        snprintf(file, sizeof file, "%s%s", path, endings[i]);
        unlink(file);
    }
}

int main(int argc, char **argv) {
    bool checks = false, keeps = false;
    char path[4096] = "";
    int sizes = 0;
    int64_t filled = 0;
    for (int i = 1; i < argc; i++) {
        if (str_eq(str_c(argv[i]), STR("--check")))
            checks = true;
        else if (str_eq(str_c(argv[i]), STR("--keep")))
            keeps = true;
        else if (!*path) {
            snprintf(path, sizeof path, "%s/%s", argv[i], keeps ? "confab.db" : "archive-pages.db");
            if (!keeps) remove_database(path);
        } else if (sizes < SIZES_MAX) {
            int64_t messages = atoll(argv[i]);
            double began_us = cpu_us();
            fill(path, filled, messages);
            struct stat st;
            CHECK(messages > filled && stat(path, &st) == 0);
            printf("%lld messages, %lld of one account; %.0f bytes on disk and %.1f us a message to fill\n",
                   (long long)messages, (long long)messages / OF_ONE, (double)st.st_size / (double)messages,
                   (cpu_us() - began_us) / (double)(messages - filled));
            filled = messages;
            measure(path, messages, sizes++);
            fflush(stdout);
        }
    }
    if (sizes == 0) {
        fprintf(stderr, "usage: %s [--check] [--keep] DIRECTORY MESSAGES...\n", argv[0]);
        return 2;
    }
    if (!keeps) remove_database(path);
    return checks && !is_flat(sizes) ? 1 : 0;
}
