/* backup_test.c: what a backup holds comes back; one that was cut or changed anywhere is none; a disk that fills leaves nothing. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "store_unit.h"

#include "base/log.h"
#include "store/accounts.h"
#include "store/backup_file.h"
#include "store/blobs.h"
#include "store/slots.h"

#define NAME_1 "AAAAAAAAAAAAAAAAAAAA01"
#define NAME_2 "AAAAAAAAAAAAAAAAAAAA02"
#define SIZE 5000

static char home[64], data_dir[96], path[96], other[96];

static void text_read(const char *name, struct buf *out) {
    int fd = open(name, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n;
    while ((n = read(fd, buf_reserve(out, 65536), 65536)) > 0) buf_commit(out, (size_t)n);
    close(fd);
}

static void text_write(const char *name, struct str text) {
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && write(fd, text.p, text.len) == (ssize_t)text.len);
    close(fd);
}

static void upload(struct db *db, struct blobs *blobs, const char *name, char fill) {
    struct slot_row row = {.account = 1, .size = SIZE, .created_us = 1, .expires_us = 0};
    memcpy(row.get_id, name, SLOT_ID_LEN);
    uint8_t secret[SLOT_HASH_LEN], sum[SLOT_HASH_LEN];
    slot_secret_hash(str_c(name), secret);
    int64_t retry;
    char bytes[SIZE];
    memset(bytes, fill, sizeof bytes);
    struct blob_writer *w;
    assert_int_equal(slots_create(db, &row, secret, &(struct slot_limits){INT64_MAX, 0}, &retry), 0);
    assert_int_equal(slots_find_by_secret(db, secret, 1, &row), 0);
    assert_int_equal(blob_claim(blobs, str_c(name), &w), 0);
    assert_int_equal(blob_append(w, str_of(bytes, sizeof bytes)), 0);
    assert_int_equal(blob_seal(w, sum), 0);
    blob_release(&w);
    assert_int_equal(slots_complete(db, row.id, sum, 1, 0), 0);
}

static int setup(void **state) {
    (void)state;
    log_set_level(LOG_ERROR - 1); /* what fails here is meant to */
    snprintf(home, sizeof home, "/tmp/confab-backup-XXXXXX");
    if (!mkdtemp(home)) return -1;
    snprintf(data_dir, sizeof data_dir, "%s/data", home);
    snprintf(other, sizeof other, "%s/other", home);
    snprintf(path, sizeof path, "%s/it.backup", home);
    char database[128], files[128], key[128];
    snprintf(database, sizeof database, "%s/confab.db", data_dir);
    snprintf(files, sizeof files, "%s/files", data_dir);
    snprintf(key, sizeof key, "%s/self-signed.key", data_dir);
    if (mkdir(data_dir, 0700)) return -1;
    struct db *db;
    struct blobs *blobs;
    int64_t id;
    assert_int_equal(db_open(&(struct db_options){.path = database, .sync_off = true}, &db), 0);
    assert_int_equal(migrate(db), 0);
    assert_int_equal(blobs_open(str_c(files), 0, &blobs), 0);
    assert_int_equal(accounts_create(db, STR("a@b"), NULL, NULL, 1, &id), 0);
    upload(db, blobs, NAME_1, 'x');
    upload(db, blobs, NAME_2, 'y');
    text_write(key, STR("a key"));
    blobs_close(&blobs);
    db_close(&db);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", home);
    return system(command);
}

static struct backup_job job_of(const char *dir) {
    return (struct backup_job){.data_dir = str_c(dir), .path = path, .media = true, .why = BUF_INIT};
}

static int write_it(struct backup_facts *out) {
    struct backup_job job = job_of(data_dir);
    int err = backup_write(&job, out);
    buf_free(&job.why);
    return err;
}

static int verify_it(const char *what, struct backup_facts *out) {
    struct backup_job job = {.path = what, .why = BUF_INIT};
    int err = backup_verify(&job, out);
    if (err) assert_true(buf_len(&job.why) > 0); /* it says what is wrong */
    buf_free(&job.why);
    return err;
}

static int restore_it(const char *dir, bool force) {
    struct backup_job job = job_of(dir);
    struct backup_facts facts;
    job.force = force;
    int err = backup_restore(&job, &facts);
    buf_free(&job.why);
    return err;
}

static void test_there_and_back(void **state) {
    (void)state;
    struct backup_facts facts;
    struct stat st;
    assert_int_equal(write_it(&facts), 0);
    assert_int_equal(facts.files, 2);
    assert_int_equal(facts.file_bytes, 2 * SIZE);
    assert_int_equal(write_it(&facts), ERR_EXISTS); /* never over something */
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(verify_it(path, &facts), 0);
    assert_int_equal(restore_it(data_dir, false), ERR_EXISTS);
    assert_int_equal(restore_it(other, false), 0);
    assert_int_equal(restore_it(other, false), ERR_EXISTS);
    assert_int_equal(restore_it(other, true), 0);
    char name[192];
    struct buf text = BUF_INIT;
    snprintf(name, sizeof name, "%s/files/AA/" NAME_2, other);
    text_read(name, &text);
    assert_int_equal(buf_len(&text), SIZE);
    assert_int_equal(buf_str(&text).p[0], 'y');
    buf_clear(&text);
    snprintf(name, sizeof name, "%s/self-signed.key", other);
    text_read(name, &text);
    assert_str(buf_str(&text), "a key");
    buf_free(&text);
    struct db *db;
    struct account_row row;
    snprintf(name, sizeof name, "%s/confab.db", other);
    assert_int_equal(db_open(&(struct db_options){.path = name}, &db), 0);
    assert_int_equal(accounts_find(db, STR("a@b"), &row), 0);
    assert_true(row.roster_version >= 1000000); /* not one that a client remembers */
    db_close(&db);
}

/* A file that was deleted while the backup was made: its row does not come back alone. */
static void test_lost_file(void **state) {
    (void)state;
    struct backup_facts facts;
    char name[192];
    snprintf(name, sizeof name, "%s/files/AA/" NAME_2, data_dir);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(write_it(&facts), 0);
    assert_int_equal(facts.files, 1);
    assert_int_equal(facts.lost, 1); /* the server should have had it */
    assert_int_equal(restore_it(other, false), 0);
    struct db *db;
    struct slot_totals totals;
    snprintf(name, sizeof name, "%s/confab.db", other);
    assert_int_equal(db_open(&(struct db_options){.path = name}, &db), 0);
    assert_int_equal(slots_totals(db, &totals), 0);
    assert_int_equal(totals.files, 1);
    assert_int_equal(totals.slots, 1);
    db_close(&db);
}

static void test_cut_anywhere(void **state) {
    (void)state;
    struct backup_facts facts;
    assert_int_equal(write_it(&facts), 0);
    for (uint64_t len = facts.length - 1; len > 0; len -= len > facts.length - 12000 ? 1 : len > 1000 ? 997 : 1) {
        assert_int_equal(truncate(path, (off_t)len), 0);
        assert_int_equal(verify_it(path, &facts), ERR_INVALID);
        if (len < 1000 && len % 100 == 0) assert_int_equal(restore_it(other, false), ERR_INVALID);
    }
}

static void test_changed_anywhere(void **state) {
    (void)state;
    struct backup_facts facts, again;
    assert_int_equal(write_it(&facts), 0);
    struct buf all = BUF_INIT;
    text_read(path, &all);
    int fd = open(path, O_WRONLY);
    const char *bytes = buf_str(&all).p;
    for (uint64_t at = 0; at<facts.length; at += at + 600> facts.length || at < 200 ? 1 : 487) {
        char changed = (char)(bytes[at] ^ (1 << at % 8));
        assert_int_equal(pwrite(fd, &changed, 1, (off_t)at), 1);
        int err = verify_it(path, &again);
        if (err != ERR_INVALID && err != ERR_UNSUPPORTED) fail_msg("byte %llu: %d", (unsigned long long)at, err);
        assert_int_equal(pwrite(fd, bytes + at, 1, (off_t)at), 1);
    }
    close(fd);
    buf_free(&all);
    assert_int_equal(verify_it(path, &again), 0);
}

static unsigned names_in_home(void) {
    DIR *dir = opendir(home);
    unsigned count = 0;
    while (readdir(dir)) count++;
    closedir(dir);
    return count;
}

static void test_full_disk(void **state) {
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit before, less;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    unsigned names = names_in_home();
    int err = ERR_FULL;
    struct backup_facts facts;
    for (rlim_t max = 1000; err; max += 7001) {
        less = (struct rlimit){max, before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &less), 0);
        err = write_it(&facts);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        if (!err) break;
        assert_int_equal(err, ERR_FULL);
        assert_int_equal(names_in_home(), names);
    }
    assert_int_equal(verify_it(path, &facts), 0);
}

static bool yes(void *arg) {
    (void)arg;
    return true;
}

static bool stop(void) {
    return true;
}

static void test_refusals(void **state) {
    (void)state;
    struct backup_facts facts;
    struct backup_job job = job_of(data_dir);
    unsigned names = names_in_home();
    job.stopped = stop;
    assert_int_equal(backup_write(&job, &facts), ERR_CLOSED);
    buf_free(&job.why);
    assert_int_equal(names_in_home(), names);
    job = job_of(data_dir);
    job.reserve = UINT64_MAX / 4; /* the server's disk goes before */
    assert_int_equal(backup_write(&job, &facts), ERR_FULL);
    buf_free(&job.why);
    assert_int_equal(names_in_home(), names);
    assert_int_equal(symlink("elsewhere", path), 0); /* planted: neither followed nor replaced */
    assert_int_equal(write_it(&facts), ERR_EXISTS);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write_it(&facts), 0);
    job = job_of(other);
    job.in_use = yes;
    assert_int_equal(backup_restore(&job, &facts), ERR_AGAIN);
    buf_free(&job.why);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changed_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
