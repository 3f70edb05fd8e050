/* words_test.c: lines of words there and back, and lines that are none. */
#include "unit.h"

#include "admin/words.h"
#include "base/err.h"

static void test_parse(void **state) {
    struct str words[4];
    unsigned count;
    assert_int_equal(words_parse(*state, STR("  12 user \"a b\"  x\\y"), words, 4, &count), 0);
    assert_int_equal(count, 4);
    assert_str(words[0], "12");
    assert_str(words[1], "user");
    assert_str(words[2], "a b");
    assert_str(words[3], "x\\y");
    assert_int_equal(words_parse(*state, STR("\"\" a\"b c\"d \"q\\\"\\\\\""), words, 4, &count), 0);
    assert_int_equal(count, 3);
    assert_str(words[0], "");
    assert_str(words[1], "ab cd");
    assert_str(words[2], "q\"\\");
    assert_int_equal(words_parse(*state, STR("   "), words, 4, &count), 0);
    assert_int_equal(count, 0);
}

static void test_refuse(void **state) {
    struct str words[2];
    unsigned count;
    assert_int_equal(words_parse(*state, STR("a \"b"), words, 2, &count), ERR_INVALID);
    assert_int_equal(words_parse(*state, STR("a \"b\\"), words, 2, &count), ERR_INVALID);
    assert_int_equal(words_parse(*state, STR("a\tb"), words, 2, &count), ERR_INVALID);
    assert_int_equal(words_parse(*state, str_of("a\0b", 3), words, 2, &count), ERR_INVALID);
    assert_int_equal(words_parse(*state, STR("a b c"), words, 2, &count), ERR_LIMIT);
}

static void test_there_and_back(void **state) {
    static const char *const all[] = {"", "plain", "two words", "\"", "\\", "a\"b\\c d", "ümläut @/:", " "};
    enum { N = sizeof all / sizeof *all };
    struct buf line = BUF_INIT;
    for (size_t i = 0; i < N; i++) assert_int_equal(words_add(&line, str_c(all[i])), 0);
    struct str words[N];
    unsigned count;
    assert_int_equal(words_parse(*state, buf_str(&line), words, N, &count), 0);
    assert_int_equal(count, N);
    for (size_t i = 0; i < N; i++) assert_str(words[i], all[i]);
    assert_int_equal(words_add(&line, STR("a\nb")), ERR_INVALID);
    buf_free(&line);
}

int main(void) {
    const struct CMUnitTest tests[] = {with_arena(test_parse), with_arena(test_refuse),
                                       with_arena(test_there_and_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
