/* blobs_test.c: written, broken off, taken over, sealed, read, deleted, swept; a disk that is full. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/err.h"
#include "store/blobs.h"

#define ONE STR("aaaaaaaaaaaaaaaaaaaaa1")
#define TWO STR("aaaaaaaaaaaaaaaaaaaaa2")

static char dir[64];
static struct blobs *blobs;

static int setup(void **state) {
    (void)state;
    strcpy(dir, "/tmp/confab-blobs-XXXXXX");
    if (!mkdtemp(dir)) return -1;
    char path[80];
    snprintf(path, sizeof path, "%s/files", dir);
    return blobs_open(str_c(path), 0, &blobs);
}

static int teardown(void **state) {
    (void)state;
    blobs_close(&blobs);
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static bool exists(const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s/files/%s", dir, name);
    return access(path, F_OK) == 0;
}

static void assert_hash(const uint8_t hash[32], struct str content) {
    uint8_t expected[32];
    hash_bytes(HASH_SHA256, content, expected);
    assert_memory_equal(hash, expected, 32);
}

static void test_write_and_read(void **state) {
    (void)state;
    struct blob_writer *w;
    uint8_t hash[32];
    int handle = -1;
    assert_int_equal(blob_read_open(blobs, ONE, &handle), ERR_NOT_FOUND);
    assert_int_equal(blob_claim(blobs, ONE, &w), 0);
    assert_true(blob_is_claimed(blobs, ONE));
    assert_int_equal(blob_append(w, STR("hello ")), 0);
    assert_int_equal(blob_append(w, STR("world")), 0);
    assert_int_equal(blob_read_open(blobs, ONE, &handle), ERR_NOT_FOUND); /* only what is sealed */
    assert_int_equal(blob_seal(w, hash), 0);
    assert_hash(hash, STR("hello world"));
    blob_release(&w);
    assert_false(blob_is_claimed(blobs, ONE));
    char bytes[6];
    assert_int_equal(blob_read_open(blobs, ONE, &handle), 0);
    assert_int_equal(blob_read(handle, 6, bytes, 5), 0);
    assert_memory_equal(bytes, "world", 5);
    assert_int_equal(blob_read(handle, 6, bytes, 6), ERR_IO);
    assert_int_equal(blob_delete(blobs, ONE), 0);
    assert_int_equal(blob_read(handle, 0, bytes, 5), 0); /* to its end */
    blob_read_close(&handle);
    blob_read_close(&handle);
    assert_int_equal(blob_delete(blobs, ONE), 0);
    assert_int_equal(blob_read_open(blobs, ONE, &handle), ERR_NOT_FOUND);
}

static void test_resume(void **state) {
    (void)state;
    size_t len = (20 << 20) + 5;
    char *big = malloc(len);
    for (size_t i = 0; i < len; i++) big[i] = (char)(i * 7 >> 3);
    struct blob_writer *w;
    assert_int_equal(blob_claim(blobs, ONE, &w), 0);
    assert_int_equal(blob_append(w, str_of(big, len - 5)), 0);
    blob_release(&w);
    assert_int_equal(blob_claim(blobs, ONE, &w), 0);
    assert_int_equal(blob_offset(w), len - 5);
    int steps = 0, more;
    while ((more = blob_catch_up(w)) == 1) steps++;
    assert_int_equal(more, 0);
    assert_int_equal(steps, 2); /* a bounded piece each */
    assert_int_equal(blob_append(w, str_of(big + len - 5, 5)), 0);
    uint8_t hash[32];
    assert_int_equal(blob_seal(w, hash), 0);
    assert_hash(hash, str_of(big, len));
    blob_release(&w);
    free(big);
}

static void test_taken_over(void **state) {
    (void)state;
    struct blob_writer *old, *new;
    uint8_t hash[32];
    assert_int_equal(blob_claim(blobs, ONE, &old), 0);
    assert_int_equal(blob_append(old, STR("abc")), 0);
    assert_int_equal(blob_claim(blobs, ONE, &new), 0);
    assert_int_equal(blob_offset(new), 3);
    assert_int_equal(blob_append(old, STR("d")), ERR_CLOSED);
    assert_int_equal(blob_seal(old, hash), ERR_CLOSED);
    blob_discard(old); /* not its own any more */
    blob_release(&old);
    assert_true(blob_is_claimed(blobs, ONE));
    assert_int_equal(blob_catch_up(new), 0);
    assert_int_equal(blob_append(new, STR("D")), 0);
    assert_int_equal(blob_delete(blobs, ONE), 0);
    assert_int_equal(blob_append(new, STR("E")), ERR_CLOSED);
    blob_release(&new);
    assert_false(exists("open/aaaaaaaaaaaaaaaaaaaaa1"));
}

/* The commit after a seal failed: whoever comes next finds it sealed, and may not spoil it. */
static void test_sealed_again(void **state) {
    (void)state;
    struct blob_writer *w;
    uint8_t hash[32];
    assert_int_equal(blob_claim(blobs, ONE, &w), 0);
    assert_int_equal(blob_append(w, STR("abc")), 0);
    assert_int_equal(blob_seal(w, hash), 0);
    blob_release(&w);
    assert_int_equal(blob_claim(blobs, ONE, &w), 0);
    assert_int_equal(blob_offset(w), 3);
    assert_int_equal(blob_catch_up(w), 0);
    assert_int_equal(blob_append(w, STR("x")), ERR_CLOSED);
    assert_int_equal(blob_seal(w, hash), 0);
    assert_hash(hash, STR("abc"));
    blob_discard(w);
    blob_release(&w);
    assert_true(exists("aa/aaaaaaaaaaaaaaaaaaaaa1"));
    assert_int_equal(blob_claim(blobs, TWO, &w), 0);
    assert_int_equal(blob_seal(w, hash), 0);
    assert_true(exists("aa/aaaaaaaaaaaaaaaaaaaaa2"));
    blob_discard(w);
    blob_release(&w);
    assert_false(exists("aa/aaaaaaaaaaaaaaaaaaaaa2"));
}

static void test_disk_full(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/files/open/aaaaaaaaaaaaaaaaaaaaa1", dir);
    assert_int_equal(symlink("/dev/full", path), 0);
    struct blob_writer *w;
    assert_int_equal(blob_claim(blobs, ONE, &w), 0);
    assert_int_equal(blob_append(w, STR("abc")), ERR_FULL);
    assert_int_equal(blob_offset(w), 0);
    blob_release(&w);
}

/* More than the file system has: what is not there is not taken. */
static void test_reserve(void **state) {
    (void)state;
    struct blobs *careful;
    char path[80];
    snprintf(path, sizeof path, "%s/careful", dir);
    assert_int_equal(blobs_open(str_c(path), (uint64_t)1 << 60, &careful), 0);
    struct blob_writer *w;
    assert_int_equal(blob_claim(careful, ONE, &w), 0);
    assert_int_equal(blob_room(w, 1), ERR_FULL);
    assert_int_equal(blob_room(w, 0), 0);
    assert_int_equal(blob_append(w, STR("abc")), ERR_FULL);
    assert_int_equal(blob_offset(w), 0);
    blob_release(&w);
    blobs_close(&careful);
    assert_int_equal(blob_claim(blobs, ONE, &w), 0);
    assert_int_equal(blob_room(w, 1), 0);
    assert_int_equal(blob_room(w, (uint64_t)1 << 60), ERR_FULL);
    blob_release(&w);
}

static bool owned(void *arg, struct str name) {
    (void)arg;
    return str_eq(name, ONE);
}

static void test_sweep(void **state) {
    (void)state;
    struct blob_writer *w;
    struct str names[] = {ONE, TWO};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(blob_claim(blobs, names[i], &w), 0);
        blob_release(&w);
    }
    unsigned deleted;
    assert_int_equal(blobs_sweep(blobs, owned, NULL, &deleted), 0);
    assert_int_equal(deleted, 1);
    assert_true(exists("open/aaaaaaaaaaaaaaaaaaaaa1"));
    assert_false(exists("open/aaaaaaaaaaaaaaaaaaaaa2"));
}

static void test_names(void **state) {
    (void)state;
    static const char *const bad[] = {"", "../../../../etc/passwd", "aaaaaaaaaaaaaaaaaaa/.1", "aaaaaaaaaaaaaaaaaaaaa",
                                      "."};
    int handle = -1;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(blob_read_open(blobs, str_c(bad[i]), &handle), ERR_NOT_FOUND);
        assert_int_equal(blob_delete(blobs, str_c(bad[i])), 0);
    }
}

#define with_blobs(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        with_blobs(test_write_and_read), with_blobs(test_resume),    with_blobs(test_taken_over),
        with_blobs(test_sealed_again),   with_blobs(test_disk_full), with_blobs(test_sweep),
        with_blobs(test_names),          with_blobs(test_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
