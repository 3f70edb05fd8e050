/*
 * accounts_power_test.c: publishing, importing and removing accounts, with the power cut at any write or sync. What is there afterwards is exactly what
 * was there behind some transaction: the last that was acknowledged, or the one that was under way. And it goes on from there: a removal
 * ends, and the same import, begun again, makes of its account what it would have been. CONFAB_SEED=N runs that seed alone, CONFAB_SEEDS=N the first N.
 */
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/unit.h"

#include "base/crypto.h"
#include "base/err.h"
#include "base/log.h"
#include "store/accounts.h"
#include "store/archive_index.h"
#include "store/items.h"
#include "store/migrate.h"
#include "store/pie.h"
#include "vfs_shim.h"

enum { ACCOUNTS = 4, STEPS = 60, MESSAGES = 40, EVENTS_MAX = 200 };
#define NOW INT64_C(1700000000000000)

#define FAIL(...)                                                                                                      \
    do {                                                                                                               \
        printf(__VA_ARGS__);                                                                                           \
        printf("\n");                                                                                                  \
        fail();                                                                                                        \
    } while (0)

static uint64_t dice;

static uint64_t roll(uint64_t n) {
    dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (dice >> 33) % n;
}

/* --- what is there, as one sum --- */

static const char *const tables[] = {
    "SELECT jid || '|' || deleted || '|' || sha1_iterations || '|' || offline_mark FROM accounts ORDER BY jid",
    "SELECT account || '|' || jid || '|' || flags FROM roster ORDER BY account, jid",
    "SELECT account || '|' || name || '|' || xml FROM documents ORDER BY account, kind, name",
    "SELECT account || '|' || name || '|' || newest || '|' || count || '|' || bytes FROM nodes ORDER BY account, name",
    "SELECT n.name || '|' || i.sequence || '|' || i.name || '|' || i.xml FROM items i JOIN nodes n ON n.id = i.node "
    "ORDER BY n.id, i.sequence",
    "SELECT out_account || '|' || out_sequence || '|' || in_account || '|' || in_sequence || '|' || stanza FROM "
    "messages "
    "ORDER BY id",
    "SELECT account || '|' || peer || '|' || mark FROM inbox ORDER BY account, peer",
    "SELECT account || '' FROM imports ORDER BY account",
};

static uint64_t sum(struct db *db) {
    struct hasher *hasher = hasher_new(HASH_SHA256);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct db_statement *s = db_prepare(db, tables[i]);
        while (db_step(s) == 1) {
            struct str row = db_text(s, 0);
            hasher_add(hasher, row);
            hasher_add(hasher, STR("\n"));
        }
        db_finish(s);
    }
    uint8_t out[HASH_LEN_MAX];
    uint64_t first;
    hasher_end(hasher, out);
    hasher_free(&hasher);
    memcpy(&first, out, sizeof first);
    return first;
}

/* --- the document that is imported --- */

static char home[64], path[128], document[128], image[128], image_path[192];
static struct pie_event events[EVENTS_MAX];
static unsigned event_count;
static struct arena *document_arena;

static unsigned flags_of(const struct xml_node *message) {
    (void)message;
    return ARCHIVE_COUNTS | ARCHIVE_OFFLINE;
}

static const uint8_t key[16] = "the-key-of-ids-1";
static const struct pie_rules rules = {STR_INIT("localhost"), key, flags_of};

static void document_write(void) {
    FILE *f = fopen(document, "w");
    assert_non_null(f);
    fputs("<server-data xmlns='urn:xmpp:pie:0'><host jid='localhost'><user name='new'>"
          "<query xmlns='jabber:iq:roster'><item jid='u1@localhost' subscription='both'/></query>"
          "<vCard xmlns='vcard-temp'><FN>N</FN></vCard>"
          "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:x'>"
          "<item id='a'><t xmlns='urn:x'/></item><item id='b'><t xmlns='urn:x'/></item></items></pubsub>"
          "<archive xmlns='urn:xmpp:pie:0#mam'>",
          f);
    for (int i = 0; i < MESSAGES; i++)
        fprintf(f,
                "<result xmlns='urn:xmpp:mam:2' id='%d'><forwarded xmlns='urn:xmpp:forward:0'><delay "
                "xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z'/><message xmlns='jabber:client' "
                "from='%s@localhost/x' to='%s@localhost'><body>%d</body></message></forwarded></result>\n",
                i, i % 2 ? "new" : "u1", i % 2 ? "u1" : "new", i);
    fputs("</archive></user></host></server-data>", f);
    fclose(f);
}

static void document_read(void) {
    struct pie_reader *reader;
    struct buf why = BUF_INIT;
    document_arena = arena_new();
    assert_int_equal(pie_reader_open(document, &reader, &why), 0);
    int got;
    while ((got = pie_read(reader, document_arena, &events[event_count])) == 1) assert_true(++event_count < EVENTS_MAX);
    assert_int_equal(got, 0);
    pie_reader_free(&reader);
    buf_free(&why);
}

/* --- transactions --- */

struct run {
    struct db *db;
    int64_t accounts[ACCOUNTS];
    struct pie_state state; /* of the import */
    unsigned at;            /* its next event */
    uint64_t sums[STEPS + ACCOUNTS + 8];
    unsigned acknowledged; /* sums[acknowledged - 1] is of the last of them; sums[acknowledged] of the one under way */
};

static int accounts_make(struct run *r) {
    int err = 0;
    for (int i = 0; !err && i < ACCOUNTS; i++) {
        char jid[32];
        snprintf(jid, sizeof jid, "u%d@localhost", i);
        err = accounts_create(r->db, str_c(jid), NULL, NULL, NOW, &r->accounts[i]);
    }
    return err;
}

static int publish(struct run *r) {
    int64_t account = r->accounts[roll(ACCOUNTS)], node;
    struct arena *arena = arena_new();
    struct node_row row;
    struct pubsub_config config = pubsub_config_default(STR("urn:x:list"));
    int err = nodes_find(r->db, arena, account, STR("urn:x:list"), &row);
    node = err ? 0 : row.id;
    if (err == ERR_NOT_FOUND) err = nodes_create(r->db, account, STR("urn:x:list"), &config, 100, &node);
    for (uint64_t n = roll(5) + 1; !err && n; n--) {
        char name[16], xml[600];
        snprintf(name, sizeof name, "i%d", (int)roll(20));
        snprintf(xml, sizeof xml, "<t>%*s</t>", (int)roll(500), "");
        err = items_put(r->db, node, str_c(name), str_c(xml), NOW, 10);
    }
    arena_free(&arena);
    return err == ERR_NOT_FOUND ? 0 : err; /* of one that has left */
}

static bool is_there(struct db *db, int64_t account) {
    struct db_statement *s = db_prepare(db, "SELECT 1 FROM accounts WHERE id = ?1 AND deleted = 0");
    db_bind_int(s, 1, account);
    bool is = db_step(s) == 1;
    db_finish(s);
    return is;
}

/* Who has left neither sends nor receives any more. */
static int talk(struct run *r) {
    static int64_t sequence = NOW;
    int err = 0;
    for (uint64_t n = roll(10) + 1; !err && n; n--) {
        unsigned from = (unsigned)roll(ACCOUNTS), to = (from + 1) % ACCOUNTS;
        struct archive_entry entry = {.out = {r->accounts[from], ++sequence, STR("p@localhost"), ARCHIVE_OUT},
                                      .in = {r->accounts[to], ++sequence, STR("q@localhost"), ARCHIVE_OFFLINE},
                                      .origin = (uint64_t)sequence,
                                      .stanza = STR("<message xmlns='jabber:client'><body>b</body></message>")};
        if (!is_there(r->db, r->accounts[from])) entry.out.account = 0;
        if (!is_there(r->db, r->accounts[to])) entry.in.account = 0;
        if (entry.out.account || entry.in.account) err = archive_add(r->db, &entry);
    }
    return err;
}

static int leave(struct run *r) {
    int err = accounts_delete(r->db, r->accounts[roll(ACCOUNTS)], NOW + 1);
    return err == ERR_NOT_FOUND ? 0 : err;
}

static int clear(struct run *r) {
    int64_t account;
    int err = accounts_leaving(r->db, &account);
    return err || !account ? err : accounts_clear(r->db, account, 7);
}

static int import(struct run *r) {
    struct arena *arena = arena_new();
    struct pie_state next = r->state;
    unsigned at = r->at, to = at + (unsigned)roll(12) + 1;
    int err = 0;
    bool done;
    next.now_us = NOW;
    for (; !err && at < to && at < event_count; at++) err = pie_apply(r->db, &rules, arena, &events[at], &next, &done);
    arena_free(&arena);
    if (err) return err;
    r->state = next;
    r->at = at;
    return 0;
}

static int (*const works[])(struct run *r) = {publish, publish, talk,   talk,   leave,
                                              clear,   clear,   import, import, import};

/* One transaction, and what is there behind it, seen before its commit. */
static int step(struct run *r, int (*work)(struct run *r)) {
    int err = db_begin(r->db);
    if (err) return err;
    err = work(r);
    if (!err && roll(3) == 0) err = archive_index_tidy(r->db);
    if (err) {
        db_rollback(r->db);
        return err;
    }
    r->sums[r->acknowledged] = sum(r->db);
    err = db_commit(r->db);
    if (!err) r->acknowledged++;
    return err;
}

static struct archive_shared shared;

static void work_until_cut(struct run *r) {
    struct db_options options = {.path = path, .vfs = VFS_SHIM_NAME, .checkpoint_pages = (uint32_t)(20 + roll(200))};
    memset(&shared, 0, sizeof shared);
    shared.rows_max = (uint32_t)(5 + roll(50));
    if (db_open(&options, &r->db)) return;
    if (migrate(r->db) == 0 && archive_index_attach(r->db, &shared, NULL, NULL) == 0) {
        r->sums[r->acknowledged++] = sum(r->db); /* empty */
        int err = step(r, accounts_make);
        for (int i = 0; !err && i < STEPS; i++) {
            err = step(r, works[roll(sizeof works / sizeof *works)]);
            db_tidy(r->db);
        }
    }
    if (!vfs_shim_is_cut()) vfs_shim_cut(image);
    archive_index_detach(r->db);
    db_close(&r->db);
}

/* --- afterwards --- */

static int64_t number(struct db *db, const char *sql) {
    struct db_statement *s = db_prepare(db, sql);
    int64_t n = db_step(s) == 1 ? db_int(s, 0) : -1;
    db_finish(s);
    return n;
}

static const char *removal_verdict(struct db *db) {
    int64_t account = 1;
    for (int i = 0; account && i < 1000; i++) {
        if (db_begin(db) || accounts_leaving(db, &account)) return "who leaves cannot be found";
        if (account && accounts_clear(db, account, 7)) return "a removal fails";
        if (db_commit(db)) return "a removal is not kept";
    }
    if (account) return "a removal does not end";
    static const char *const left[] = {
        "SELECT count(*) FROM archive_rows WHERE account IN (SELECT id FROM accounts WHERE deleted > 0)",
        "SELECT count(*) FROM messages WHERE out_account IN (SELECT id FROM accounts WHERE deleted > 0) OR in_account "
        "IN "
        "(SELECT id FROM accounts WHERE deleted > 0)",
        "SELECT count(*) FROM nodes WHERE account IN (SELECT id FROM accounts WHERE deleted > 0)",
        "SELECT count(*) FROM items WHERE node NOT IN (SELECT id FROM nodes)",
    };
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        if (number(db, left[i])) return "a removal leaves something";
    return NULL;
}

/* From the beginning, as an admin would. */
static const char *import_verdict(struct db *db) {
    struct run again = {.db = db};
    while (again.at < event_count)
        if (db_begin(db) || import(&again) || db_commit(db)) return "an import fails";
    if (number(db, "SELECT count(*) FROM imports")) return "an import does not end";
    if (number(db, "SELECT count(*) FROM accounts WHERE jid = 'new@localhost' AND deleted = 0") != 1)
        return "the imported account is not there";
    if (number(db, "SELECT count(*) FROM messages m JOIN accounts a ON a.jid = 'new@localhost' AND a.id IN "
                   "(m.out_account, m.in_account)") != MESSAGES)
        return "the imported archive is not what the document says";
    if (number(db,
               "SELECT count(*) FROM items i JOIN nodes n ON n.id = i.node JOIN accounts a ON a.id = n.account WHERE "
               "a.jid = 'new@localhost'") != 2 ||
        number(db, "SELECT count(*) FROM roster r JOIN accounts a ON a.id = r.account WHERE a.jid = 'new@localhost'") !=
            1)
        return "the imported account is not what the document says";
    return NULL;
}

static const char *image_verdict(const struct run *r) {
    struct db *db;
    if (access(image_path, F_OK) != 0) return r->acknowledged ? "the file is not there" : NULL;
    if (db_open(&(struct db_options){.path = image_path, .sync_off = true}, &db)) return "it does not open";
    memset(&shared, 0, sizeof shared);
    const char *verdict = NULL;
    if (migrate(db) || archive_index_attach(db, &shared, NULL, NULL)) verdict = "it does not start";
    uint64_t now = verdict ? 0 : sum(db);
    bool is_last = r->acknowledged == 0 || now == r->sums[r->acknowledged - 1];
    if (!verdict && !is_last && now != r->sums[r->acknowledged]) verdict = "it is not what any transaction left";
    if (!verdict) verdict = removal_verdict(db);
    if (!verdict) verdict = import_verdict(db);
    archive_index_detach(db);
    db_close(&db);
    return verdict;
}

static void directory_empty(const char *name) {
    DIR *dir = opendir(name);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char file[512];
        snprintf(file, sizeof file, "%s/%s", name, e->d_name);
        if (e->d_type == DT_REG && strcmp(file, document) != 0) unlink(file);
    }
    if (dir) closedir(dir);
}

static void test_power_cuts(void **state) {
    (void)state;
    const char *one = getenv("CONFAB_SEED"), *many = getenv("CONFAB_SEEDS");
    uint64_t first = one ? strtoull(one, NULL, 10) : 1, count = one ? 1 : many ? strtoull(many, NULL, 10) : 150;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct run r = {.db = NULL};
        dice = seed;
        directory_empty(home);
        directory_empty(image);
        vfs_shim_register(seed);
        vfs_shim_cut_at(1 + roll(roll(4) ? 600 : 3000), image);
        work_until_cut(&r);
        vfs_shim_cut_at(0, image);
        const char *verdict = image_verdict(&r);
        if (verdict) FAIL("%s: CONFAB_SEED=%llu replays it", verdict, (unsigned long long)seed);
    }
}

static int home_make(void **state) {
    (void)state;
    log_set_level(LOG_ERROR);
    if (!getenv("CONFAB_SEED")) assert_non_null(freopen("/dev/null", "w", stderr));
    snprintf(home, sizeof home, "/tmp/confab-accounts-XXXXXX");
    assert_non_null(mkdtemp(home));
    snprintf(path, sizeof path, "%s/c.db", home);
    snprintf(document, sizeof document, "%s/export.xml", home);
    snprintf(image, sizeof image, "%s/image", home);
    snprintf(image_path, sizeof image_path, "%s/c.db", image);
    mkdir(image, 0700);
    document_write();
    document_read();
    return 0;
}

static int home_remove(void **state) {
    (void)state;
    arena_free(&document_arena);
    directory_empty(image);
    rmdir(image);
    directory_empty(home);
    unlink(document);
    return rmdir(home);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_power_cuts)};
    return cmocka_run_group_tests(tests, home_make, home_remove);
}
