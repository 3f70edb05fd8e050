#include "base/scan.h"
#include "unit.h"

static bool stops(char c) {
    return c == '<' || c == '&' || c == ']' || c == '"' || c == '\'' || (unsigned char)c < 0x20;
}

/* Every byte at every place of lines of every length up to 40, in memory of exactly that size. */
static void finds_the_first(void **state) {
    (void)state;
    for (size_t len = 0; len <= 40; len++) {
        char *line = malloc(len + 1);
        for (size_t at = 0; at <= len; at++) {
            for (int c = 0; c < 256; c++) {
                memset(line, 'x', len);
                line[at] = (char)c; /* at len: one behind the end, which must not be seen */
                const char *end = line + len;
                const char *expected = at < len && stops((char)c) ? line + at : end;
                assert_ptr_equal(scan_to(line, end, '<', '&', ']', '"', '\''), expected);
                expected = at < len && (c < 0x20 || c >= 0x80) ? line + at : end;
                assert_ptr_equal(scan_ascii(line, end), expected);
            }
        }
        free(line);
    }
}

static void finds_the_first_of_many(void **state) {
    (void)state;
    const char line[] = "0123456789abcde<0123456789abcdef<\n";
    assert_ptr_equal(scan_to(line, line + sizeof line - 1, '<', '<', '<', '<', '<'), line + 15);
    assert_ptr_equal(scan_to(line + 16, line + sizeof line - 1, '<', '<', '<', '<', '<'), line + 32);
    assert_ptr_equal(scan_ascii(line, line + sizeof line - 1), line + 33);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_the_first), cmocka_unit_test(finds_the_first_of_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
