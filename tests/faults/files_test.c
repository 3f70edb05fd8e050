/*
 * files_test.c: the power is cut at any step of uploads and deletions, of files and of the database alike. What was answered with 201 is there afterwards, whole;
 * what has a row has its file; and when the sweep of the start-up and the rounds are through, no file is there that nobody owns.
 * CONFAB_SEED=N runs that seed alone, CONFAB_SEEDS=N the first N.
 */
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/unit.h"

#include "base/err.h"
#include "base/log.h"
#include "disk_shim.h"
#include "store/blobs.h"
#include "store/migrate.h"
#include "store/slots.h"
#include "vfs_shim.h"

enum { UPLOADS = 24, SIZE_MAX_ = 3000, KINDS = 6 };
#define NOW_US INT64_C(1700000000000000)
#define HOUR_US (3600 * INT64_C(1000000))

static uint64_t dice;
static uint64_t roll(uint64_t n) {
    dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (dice >> 33) % n;
}

static struct upload {
    int64_t id;
    char get_id[SLOT_ID_LEN + 1];
    uint64_t size;
    unsigned kind;      /* equal kinds are equal files */
    bool stored, going; /* 201 was said; its deletion was asked for */
} uploads[UPLOADS];
static int upload_count;

static char home[64], db_path[128], image[96], image_db[128];
static struct db *db;
static struct blobs *blobs;

static char byte_of(const struct upload *u, uint64_t at) {
    return (char)((at * 31 + u->kind * 7) >> 3);
}

static void remove_all(const char *what) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", what);
    assert_int_equal(system(command), 0);
}

/* --- what the server does --- */

static int in_transaction(int (*change)(struct upload *u), struct upload *u) {
    int err = db_begin(db);
    if (!err) err = change(u);
    if (err)
        db_rollback(db);
    else
        err = db_commit(db);
    return err;
}

static int slot_make(struct upload *u) {
    struct slot_row row = {
        .account = 1, .size = (int64_t)u->size, .created_us = NOW_US, .expires_us = NOW_US + HOUR_US};
    strcpy(row.get_id, u->get_id);
    uint8_t hash[SLOT_HASH_LEN];
    slot_secret_hash(str_c(u->get_id), hash);
    int64_t retry;
    int err = slots_create(db, &row, hash, &(struct slot_limits){INT64_MAX, 0}, &retry);
    if (!err) err = slots_find_by_secret(db, hash, NOW_US, &row);
    u->id = row.id;
    return err;
}

static uint8_t sum[32];
static int slot_complete(struct upload *u) {
    return slots_complete(db, u->id, sum, NOW_US, 0);
}

static int slot_remove(struct upload *u) {
    return slots_remove(db, u->id);
}

static char dead[64][SLOT_ID_LEN + 1];
static unsigned dead_count;
static void dead_take(void *arg, struct str file) {
    (void)arg;
    memcpy(dead[dead_count++], file.p, SLOT_ID_LEN);
}

static int dead_buried(struct upload *u) {
    (void)u;
    int err = 0;
    for (unsigned i = 0; i < dead_count && !err; i++) err = slots_buried(db, str_c(dead[i]));
    return err;
}

/* As im/media.c: rows, then files, then rows. */
static int tidy(void) {
    dead_count = 0;
    int err = slots_dead(db, 64, dead_take, NULL);
    for (unsigned i = 0; i < dead_count && !err; i++) err = blob_delete(blobs, str_c(dead[i]));
    return err ? err : in_transaction(dead_buried, NULL);
}

static int append_some(struct upload *u, struct blob_writer *w, uint64_t end) {
    static char piece[SIZE_MAX_];
    uint64_t from = blob_offset(w);
    for (uint64_t at = from; at < end; at++) piece[at - from] = byte_of(u, at);
    return end > from ? blob_append(w, str_of(piece, end - from)) : 0;
}

/* In one go, or with a break, or begun anew. */
static int bytes_send(struct upload *u, struct blob_writer **w) {
    int err = blob_claim(blobs, str_c(u->get_id), w), more = 1;
    if (!err && roll(2)) err = append_some(u, *w, roll(u->size + 1));
    if (!err && roll(3) == 0) {
        blob_release(w);
        err = blob_claim(blobs, str_c(u->get_id), w);
        while (!err && more > 0) more = blob_catch_up(*w);
        if (more < 0) err = more;
    }
    if (!err && roll(4) == 0) err = blob_restart(*w);
    if (!err) err = append_some(u, *w, u->size);
    return err ? err : blob_seal(*w, sum);
}

static int upload_one(void) {
    struct upload *u = &uploads[upload_count++];
    *u = (struct upload){.kind = (unsigned)roll(KINDS)};
    u->size = u->kind ? u->kind * 500 : roll(2) * 7; /* also of no bytes */
    memset(u->get_id, 'x', SLOT_ID_LEN);
    u->get_id[0] = (char)('A' + roll(3)); /* few folders */
    u->get_id[1] = (char)('a' + roll(2));
    u->get_id[2] = (char)('a' + upload_count);
    int err = in_transaction(slot_make, u);
    if (err || roll(6) == 0) return err; /* never used */
    struct blob_writer *w = NULL;
    err = bytes_send(u, &w);
    if (!err) {
        err = in_transaction(slot_complete, u);
        u->stored = !err;
    }
    blob_release(&w);
    return err;
}

static int work(void) {
    int err = 0;
    while (!err && upload_count < UPLOADS) {
        err = upload_one();
        struct upload *u = &uploads[roll((uint64_t)upload_count)];
        if (!err && u->id && !u->going && roll(3) == 0) {
            u->going = true;
            err = in_transaction(slot_remove, u);
        }
        if (!err && roll(4) == 0) err = tidy();
    }
    return err;
}

/* --- what must be there --- */

static bool is_owned(void *arg, struct str name) {
    return slots_owns_open(arg, name);
}

static bool never_busy(void *arg, struct str get_id) {
    (void)arg;
    (void)get_id;
    return false;
}

static const char *file_verdict(const struct upload *u, const struct slot_row *row) {
    char bytes[SIZE_MAX_ + 1];
    int handle = -1;
    if ((uint64_t)row->size != u->size) return "a row has another size";
    if (blob_read_open(blobs, str_c(row->file), &handle)) return "a row is without its file";
    bool whole = blob_read(handle, 0, bytes, u->size) == 0 && blob_read(handle, 0, bytes, u->size + 1) == ERR_IO;
    for (uint64_t at = 0; whole && at < u->size; at++) whole = bytes[at] == byte_of(u, at) || at >= u->size;
    blob_read_close(&handle);
    return whole ? NULL : "a file is not what was sent";
}

/* Files that no blob has. */
static const char *leftovers(void) {
    char path[512];
    snprintf(path, sizeof path, "%s/files", image);
    DIR *root = opendir(path);
    const char *verdict = NULL;
    for (struct dirent *d; !verdict && (d = readdir(root));) {
        if (d->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/files/%s", image, d->d_name);
        DIR *dir = opendir(path);
        for (struct dirent *e; !verdict && (e = readdir(dir));) {
            if (e->d_name[0] == '.') continue;
            struct db_statement *s = db_prepare(db, "SELECT 1 FROM blobs WHERE file = ?1");
            db_bind_text(s, 1, str_c(e->d_name));
            if (db_step(s) != 1 || strcmp(d->d_name, "open") == 0) verdict = "a file is left that nobody owns";
            db_finish(s);
        }
        closedir(dir);
    }
    closedir(root);
    return verdict;
}

static const char *verdict_of_image(void) {
    for (int i = 0; i < upload_count; i++) {
        struct slot_row row;
        int err = slots_find_by_id(db, str_c(uploads[i].get_id), NOW_US, &row);
        if (err && uploads[i].stored && !uploads[i].going) return "201 was said, and it is not there";
        const char *verdict = err ? NULL : file_verdict(&uploads[i], &row);
        if (verdict) return verdict;
    }
    unsigned count;
    if (blobs_sweep(blobs, is_owned, db, &count)) return "the sweep fails";
    if (slots_expire(db, NOW_US + 2 * HOUR_US, 200, never_busy, NULL, &count)) return "slots do not expire";
    if (tidy()) return "the round fails";
    for (int i = 0; i < upload_count; i++) { /* nothing went that is owned */
        struct slot_row row;
        if (slots_find_by_id(db, str_c(uploads[i].get_id), NOW_US, &row)) continue;
        const char *verdict = file_verdict(&uploads[i], &row);
        if (verdict) return verdict;
    }
    return leftovers();
}

static void database_cut(void) {
    if (!vfs_shim_is_cut()) vfs_shim_cut(image);
}

static int stage_open(const char *path, const char *dir, const char *vfs) {
    char files[160];
    snprintf(files, sizeof files, "%s/files", dir);
    int err = db_open(&(struct db_options){.path = path, .vfs = vfs, .sync_off = !vfs, .checkpoint_pages = 40}, &db);
    if (!err) err = migrate(db);
    return err ? err : blobs_open(str_c(files), 0, &blobs);
}

static void stage_close(void) {
    blobs_close(&blobs);
    if (db) db_close(&db);
}

static const char *power_cut(uint64_t seed, bool syncs) {
    dice = seed;
    upload_count = 0;
    remove_all(home);
    mkdir(home, 0700);
    mkdir(image, 0700);
    vfs_shim_register(seed);
    disk_shim_begin(seed, syncs);
    bool by_database = roll(2);
    disk_shim_cut_at(by_database ? 0 : 1 + roll(250), image, database_cut);
    vfs_shim_cut_at(by_database ? 1 + roll(600) : 0, image);
    if (stage_open(db_path, home, VFS_SHIM_NAME) == 0) (void)work();
    disk_shim_cut(); /* the database was first, or it all went faster than the power */
    vfs_shim_cut_at(0, image);
    stage_close();
    disk_shim_end();
    const char *verdict = "it does not start again";
    if (stage_open(image_db, image, NULL) == 0) verdict = verdict_of_image();
    stage_close();
    return verdict;
}

static void test_power_cuts(void **state) {
    (void)state;
    const char *one = getenv("CONFAB_SEED"), *many = getenv("CONFAB_SEEDS");
    uint64_t first = one ? strtoull(one, NULL, 10) : 1, count = one ? 1 : many ? strtoull(many, NULL, 10) : 150;
    for (uint64_t seed = first; seed < first + count; seed++) {
        const char *verdict = power_cut(seed, true);
        if (!verdict) continue;
        printf("%s: CONFAB_SEED=%llu replays it\n", verdict, (unsigned long long)seed);
        fail();
    }
}

/* The test of the test. */
static void test_no_syncs_are_noticed(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++)
        if (power_cut(seed, false)) return;
    fail();
}

static int home_make(void **state) {
    (void)state;
    log_set_level(LOG_ERROR);
    if (!getenv("CONFAB_SEED")) assert_non_null(freopen("/dev/null", "w", stderr));
    snprintf(home, sizeof home, "/tmp/confab-files-XXXXXX");
    assert_non_null(mkdtemp(home));
    snprintf(db_path, sizeof db_path, "%s/c.db", home);
    snprintf(image, sizeof image, "%s/image", home);
    snprintf(image_db, sizeof image_db, "%s/c.db", image);
    return 0;
}

static int home_remove(void **state) {
    (void)state;
    remove_all(home);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_power_cuts), cmocka_unit_test(test_no_syncs_are_noticed)};
    return cmocka_run_group_tests(tests, home_make, home_remove);
}
