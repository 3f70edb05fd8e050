/*
 * power_test.c: what the store has acknowledged survives: power cuts at any write or sync, and any one of them failing.
 * CONFAB_SEED=N runs that seed alone, CONFAB_SEEDS=N the first N.
 */
#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/unit.h"

#include "base/err.h"
#include "base/log.h"
#include "store/archive_index.h"
#include "store/migrate.h"
#include "store/store.h"
#include "vfs_shim.h"

#define ACCOUNTS 24
#define MESSAGES_MAX 1200
#define STANZA_BEGIN "<message xmlns='jabber:client' id='"
#define STANZA_BEGIN_LEN (sizeof STANZA_BEGIN - 1 + 7) /* with five digits, a quote and a bracket */

/* Thousands of failures are logged on stderr, which is closed for it; what matters goes out here. */
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

/* --- what was sent, and what became of it --- */

enum fate { UNSENT, UNKNOWN, ACKNOWLEDGED };

struct sent {
    struct archive_entry entry;
    char stanza[600], out_peer[32], in_peer[32];
    enum fate fate;
    int rows;      /* found */
    int buried;    /* of them, as tombstones */
    long retracts; /* -1: nothing */
    bool is_taken; /* back, if what says so was kept */
};

static struct sent sent[MESSAGES_MAX];
static size_t sent_count;

static void address(char out[32], int64_t account) {
    snprintf(out, 32, "u%d@localhost", (int)account);
}

/* Of one in ten its author takes something back. */
static void retract_roll(struct sent *m) {
    m->retracts = sent_count && roll(10) == 0 ? (long)roll(sent_count) : -1;
    if (m->retracts >= 0 && sent[m->retracts].retracts >= 0) m->retracts = -1;
}

static void stanza_write(struct sent *m) {
    int len = snprintf(m->stanza, sizeof m->stanza, STANZA_BEGIN "%05zu'>", sent_count);
    char *at = m->stanza + len;
    size_t room = sizeof m->stanza - (size_t)len;
    if (m->retracts < 0)
        snprintf(at, room, "<body>%*s</body></message>", (int)roll(500), "");
    else
        snprintf(at, room, "<retract xmlns='urn:xmpp:message-retract:1' id='%05ld'/></message>", m->retracts);
}

static struct sent *sent_new(void) {
    struct sent *m = &sent[sent_count];
    retract_roll(m);
    const struct sent *target = m->retracts < 0 ? NULL : &sent[m->retracts];
    int64_t out = (int64_t)roll(ACCOUNTS) + 1, in = (int64_t)roll(ACCOUNTS) + 1;
    if (target) {
        in = target->entry.in.account;
        out = target->entry.out.account ? target->entry.out.account : in;
    }
    stanza_write(m);
    address(m->out_peer, in);
    address(m->in_peer, out);
    int64_t sequence = 1000 + (int64_t)sent_count * 2;
    m->entry = (struct archive_entry){
        .out = {out == in ? 0 : out, sequence, str_c(m->out_peer), ARCHIVE_OUT},
        .in = {in, sequence + 1, str_c(m->in_peer), ARCHIVE_OFFLINE | (out == in ? ARCHIVE_OUT : 0u)},
        .origin = sent_count + 1,
        .about = !target   ? 0
                 : roll(4) ? (uint64_t)m->retracts + 1
                           : 1000000, /* by the index, or looked for */
        .stanza = str_c(m->stanza),
    };
    m->fate = UNKNOWN;
    m->rows = m->buried = 0;
    sent_count++;
    return m;
}

/* As the archive service does. */
static int sent_add(struct db *db, const struct sent *m) {
    int err = archive_add(db, &m->entry);
    return err || m->retracts < 0 ? err : archive_retract(db, &m->entry);
}

static int rows_of(const struct sent *m) {
    return m->entry.out.account ? 2 : 1;
}

/* --- looking at what is there --- */

struct look {
    int64_t account, last;
    bool wrong;
};

static bool is_tombstone_of(const struct sent *m, struct str stanza) {
    struct str mark = STR("<retracted ");
    return stanza.len > STANZA_BEGIN_LEN + mark.len && memcmp(stanza.p, m->stanza, STANZA_BEGIN_LEN) == 0 &&
           memcmp(stanza.p + STANZA_BEGIN_LEN, mark.p, mark.len) == 0;
}

static bool look_at(void *arg, const struct archive_row *row) {
    struct look *look = arg;
    unsigned long n =
        row->stanza.len > STANZA_BEGIN_LEN ? strtoul(row->stanza.p + STANZA_BEGIN_LEN - 7, NULL, 10) : MESSAGES_MAX;
    const struct archive_owner *owner = NULL;
    bool is_sent = n < sent_count && row->flags & ARCHIVE_OUT && sent[n].entry.out.account;
    if (n < sent_count) owner = is_sent ? &sent[n].entry.out : &sent[n].entry.in;
    bool is_buried = owner && is_tombstone_of(&sent[n], row->stanza);
    bool right = owner && owner->account == look->account && owner->sequence == row->sequence &&
                 row->sequence > look->last && str_eq(owner->peer, row->peer) &&
                 (is_buried || str_eq(sent[n].entry.stanza, row->stanza));
    look->last = row->sequence;
    look->wrong |= !right;
    if (right) sent[n].rows++;
    if (is_buried) sent[n].buried++;
    return true;
}

static bool integrity_ok(struct db *db) {
    struct db_statement *s = db_prepare(db, "PRAGMA integrity_check");
    bool ok = db_step(s) == 1 && str_eq(db_text(s, 0), STR("ok"));
    db_finish(s);
    return ok;
}

/* NULL when all is as promised, else what is not. */
static const char *archive_verdict(struct db *db) {
    if (!integrity_ok(db)) return "the database is damaged";
    for (size_t i = 0; i < sent_count; i++) sent[i].rows = sent[i].buried = 0;
    for (int64_t account = 1; account <= ACCOUNTS; account++) {
        struct look look = {.account = account};
        struct archive_query all = {.account = account, .max = UINT32_MAX};
        bool complete;
        if (archive_query(db, &all, look_at, &look, &complete) || !complete) return "a query fails";
        if (look.wrong) return "a row is wrong, out of order or there twice";
    }
    for (size_t i = 0; i < sent_count; i++) sent[i].is_taken = false;
    for (size_t i = 0; i < sent_count; i++)
        if (sent[i].retracts >= 0 && sent[i].rows) sent[sent[i].retracts].is_taken = true;
    for (size_t i = 0; i < sent_count; i++) {
        if (sent[i].buried != (sent[i].is_taken ? sent[i].rows : 0))
            return "a retraction and what it retracts disagree";
        if (sent[i].rows != 0 && sent[i].rows != rows_of(&sent[i])) return "one archive has it, the other has not";
        if (sent[i].fate == ACKNOWLEDGED && sent[i].rows == 0) return "an acknowledged message is lost";
        if (sent[i].rows && archive_add(db, &sent[i].entry) != ERR_EXISTS) return "a message can be sent twice";
    }
    return NULL;
}

/* --- a place to work in --- */

static char home[64], path[128], image[128], image_path[192];

static void directory_empty(const char *name) {
    DIR *dir = opendir(name);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char file[512];
        snprintf(file, sizeof file, "%s/%s", name, e->d_name);
        if (e->d_type == DT_REG) unlink(file);
    }
    if (dir) closedir(dir);
}

static int home_make(void **state) {
    (void)state;
    snprintf(home, sizeof home, "/tmp/confab-power-XXXXXX");
    assert_non_null(mkdtemp(home));
    snprintf(path, sizeof path, "%s/c.db", home);
    snprintf(image, sizeof image, "%s/image", home);
    snprintf(image_path, sizeof image_path, "%s/c.db", image);
    mkdir(image, 0700);
    return 0;
}

static int home_remove(void **state) {
    (void)state;
    directory_empty(image);
    rmdir(image);
    directory_empty(home);
    return rmdir(home);
}

/* --- power cuts --- */

static struct archive_shared shared;

static void shared_reset(uint32_t rows_max) {
    memset(&shared, 0, sizeof shared);
    shared.rows_max = rows_max;
}

static int batch(struct db *db) {
    size_t first = sent_count;
    int err = db_begin(db);
    for (uint64_t n = roll(30) + 1; !err && n; n--) err = sent_add(db, sent_new());
    if (!err && roll(4) == 0) err = archive_index_ready(db, (int64_t)roll(ACCOUNTS) + 1);
    if (!err) err = archive_index_tidy(db);
    if (err)
        db_rollback(db);
    else
        err = db_commit(db);
    for (size_t i = first; !err && i < sent_count; i++) sent[i].fate = ACKNOWLEDGED;
    return err;
}

/* Writes until the power goes. */
static void write_until_cut(bool sync_off) {
    struct db *db;
    struct db_options options = {
        .path = path, .vfs = VFS_SHIM_NAME, .sync_off = sync_off, .checkpoint_pages = (uint32_t)(20 + roll(200))};
    if (db_open(&options, &db)) return;
    if (migrate(db) == 0 && archive_index_attach(db, &shared, NULL, NULL) == 0)
        while (sent_count + 31 < MESSAGES_MAX && batch(db) == 0) db_tidy(db);
    if (!vfs_shim_is_cut()) vfs_shim_cut(image); /* it all went faster than the power */
    archive_index_detach(db);
    db_close(&db);
}

/* After the cut, on the system's own VFS. */
static const char *image_verdict(void) {
    struct db *db;
    if (access(image_path, F_OK) != 0) { /* cut before there was anything */
        for (size_t i = 0; i < sent_count; i++)
            if (sent[i].fate == ACKNOWLEDGED) return "the file is not there";
        return NULL;
    }
    if (db_open(&(struct db_options){.path = image_path, .sync_off = true}, &db)) return "it does not open";
    shared_reset(0);
    const char *verdict = NULL;
    if (migrate(db) || archive_index_attach(db, &shared, NULL, NULL)) verdict = "it does not start";
    if (!verdict) verdict = archive_verdict(db);
    archive_index_detach(db);
    db_close(&db);
    return verdict;
}

static const char *power_cut(uint64_t seed, bool sync_off) {
    dice = seed;
    sent_count = 0;
    directory_empty(home);
    directory_empty(image);
    shared_reset((uint32_t)(10 + roll(150)));
    vfs_shim_register(seed);
    vfs_shim_cut_at(1 + roll(roll(2) ? 100 : 3000), image);
    write_until_cut(sync_off);
    vfs_shim_cut_at(0, image);
    return image_verdict();
}

static uint64_t seeds_wanted(uint64_t usual, uint64_t *out_first) {
    const char *one = getenv("CONFAB_SEED"), *many = getenv("CONFAB_SEEDS");
    *out_first = one ? strtoull(one, NULL, 10) : 1;
    return one ? 1 : many ? strtoull(many, NULL, 10) : usual;
}

static void test_power_cuts(void **state) {
    (void)state;
    uint64_t first, count = seeds_wanted(150, &first);
    for (uint64_t seed = first; seed < first + count; seed++) {
        const char *verdict = power_cut(seed, false);
        if (verdict) FAIL("%s: CONFAB_SEED=%llu replays it", verdict, (unsigned long long)seed);
    }
}

/* The test of the test: without syncs it must find a loss. */
static void test_no_syncs_are_noticed(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++)
        if (power_cut(seed, true)) return;
    FAIL("fifty power cuts without a single sync, and nothing is missing");
}

/* As in a server: the environment says when, and the process dies of it. */
static void test_a_process_that_is_cut(void **state) {
    (void)state;
    char words[256];
    snprintf(words, sizeof words, "seed=5 image=%s cut=300", image);
    sent_count = 0;
    directory_empty(home);
    directory_empty(image);
    shared_reset(50);
    setenv("CONFAB_TEST_VFS", words, 1);
    pid_t child = fork();
    if (child == 0) {
        vfs_shim_from_environment();
        write_until_cut(false);
        _exit(0);
    }
    unsetenv("CONFAB_TEST_VFS");
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    struct db *db;
    assert_int_equal(db_open(&(struct db_options){.path = image_path}, &db), 0);
    assert_true(integrity_ok(db));
    assert_int_equal(migrate(db), 0);
    db_close(&db);
}

/* --- the nth operation fails --- */

struct keep_job {
    struct store_job job;
    struct sent *sent;
};

static struct hub hub;
static struct turn turn;

static int keep_run(struct db *db, struct store_job *job) {
    return sent_add(db, ((struct keep_job *)job)->sent);
}

static void keep_done(struct turn *at, struct store_job *job) {
    (void)at;
    if (job->result == 0)
        ((struct keep_job *)job)->sent->fate = ACKNOWLEDGED;
    else
        assert_true(job->result == ERR_STORE || job->result == ERR_FULL);
    free(job);
}

static void answer(struct hub *to, struct shard *place, struct msg *msg) {
    (void)to;
    (void)place;
    struct store_job *job = (struct store_job *)msg;
    job->done(&turn, job);
}

static void keep_submit(struct store *store) {
    struct keep_job *job = msg_new(MSG_STORE_DONE, sizeof *job, 0);
    job->job.kind = STORE_WRITE;
    job->job.run = keep_run;
    job->job.done = keep_done;
    job->sent = sent_new();
    store_submit(store, &turn, &job->job);
}

static int settle_run(struct db *db, struct store_job *job) {
    (void)job;
    return archive_index_ready(db, (int64_t)roll(ACCOUNTS) + 1);
}

static void settle_done(struct turn *at, struct store_job *job) {
    (void)at;
    free(job);
}

static void settle_submit(struct store *store) {
    struct store_job *job = msg_new(MSG_STORE_DONE, sizeof *job, 0);
    job->kind = STORE_WRITE;
    job->run = settle_run;
    job->done = settle_done;
    store_submit(store, &turn, job);
}

static void work(struct store *store) {
    for (int i = 0; i < 12; i++) {
        for (int n = 0; n < 12; n++) keep_submit(store);
        if (i % 4 == 3) settle_submit(store);
        while (store_manual_step(store, 0)) {}
    }
}

/* False when there is no nth operation. */
static bool nth_failure(uint64_t nth, enum vfs_shim_failure how, bool for_ever) {
    struct store *store;
    struct store_options options = {.db = {.path = path, .vfs = VFS_SHIM_NAME, .checkpoint_pages = 40}, .manual = true};
    dice = nth;
    sent_count = 0;
    directory_empty(home);
    vfs_shim_register(nth);
    assert_int_equal(store_open(&options, &store), 0);
    vfs_shim_fail(nth, how, for_ever);
    work(store);
    bool failed = vfs_shim_failed();
    vfs_shim_fail(0, how, false);
    size_t healthy_from = sent_count;
    for (int n = 0; n < 20; n++) keep_submit(store);
    while (store_manual_step(store, 0)) {}
    for (size_t i = healthy_from; i < sent_count; i++)
        if (sent[i].fate != ACKNOWLEDGED)
            FAIL("after the %lluth operation failed nothing works any more", (unsigned long long)nth);
    const char *verdict = archive_verdict(store_db(store));
    if (verdict) FAIL("%s after the %lluth operation failed", verdict, (unsigned long long)nth);
    store_close(&store);
    return failed;
}

static void failures(enum vfs_shim_failure how, bool for_ever, uint64_t step) {
    uint64_t n = 1;
    while (nth_failure(n, how, for_ever)) n += n < 60 ? 1 : step;
    assert_true(n > 60);
}

static uint64_t failure_step(void) {
    return getenv("CONFAB_SEEDS") ? 1 : 7;
}

static void test_each_io_failure(void **state) {
    (void)state;
    failures(VFS_SHIM_IO, false, failure_step());
}

static void test_failing_from_there_on(void **state) {
    (void)state;
    failures(VFS_SHIM_IO, true, failure_step());
}

static void test_disk_full_from_there_on(void **state) {
    (void)state;
    failures(VFS_SHIM_FULL, true, failure_step());
}

static int hub_make(void **state) {
    log_set_level(LOG_ERROR);
    if (!getenv("CONFAB_SEED"))
        assert_non_null(freopen("/dev/null", "w", stderr)); /* thousands of failures, each logged */
    hub.intercept = answer;
    turn.shard = shard_new(&hub, false, NULL);
    return home_make(state);
}

static int hub_free(void **state) {
    shard_free(&turn.shard);
    return home_remove(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_cuts),
        cmocka_unit_test(test_no_syncs_are_noticed),
        cmocka_unit_test(test_a_process_that_is_cut),
        cmocka_unit_test(test_each_io_failure),
        cmocka_unit_test(test_failing_from_there_on),
        cmocka_unit_test(test_disk_full_from_there_on),
    };
    return cmocka_run_group_tests(tests, hub_make, hub_free);
}
