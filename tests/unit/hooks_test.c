/*
 * hooks_test.c: the resolved chains are what tests/golden/hooks.txt says. A change of the list of features or of their hooks shows there;
 * CONFAB_WRITE_GOLDEN=1 writes the file anew, to be read before it is committed.
 */
#include "unit.h"

#include <string.h>

#include "base/buf.h"
#include "im/feature.h"

/* Beside this very file, as the compiler was told its name: tests run where the build runs. */
static void golden_path(char *out, size_t len) {
    const char *slash = strrchr(__FILE__, '/');
    int folder = slash ? (int)(slash - __FILE__) : 0;
    snprintf(out, len, "%.*s/../golden/hooks.txt", folder, __FILE__);
}

static void test_golden(void **state) {
    char path[4096];
    struct buf got = BUF_INIT, want = BUF_INIT;
    (void)state;
    golden_path(path, sizeof path);
    grid_build();
    grid_print(&got);
    if (getenv("CONFAB_WRITE_GOLDEN")) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fwrite(buf_str(&got).p, 1, buf_len(&got), f);
        fclose(f);
    }
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    for (size_t n; (n = fread(buf_reserve(&want, 4096), 1, 4096, f)) > 0;) buf_commit(&want, n);
    fclose(f);
    if (!str_eq(buf_str(&got), buf_str(&want)))
        fail_msg("the chains differ from %s:\n%.*s", path, STR_FMT(buf_str(&got)));
    buf_free(&got);
    buf_free(&want);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
