/* terms_test.c: what is typed finds what was written. */
#include "xmpp/terms.h"

#include "unit.h"

static struct arena *arena;

static void is(const char *text, const char *expected) {
    struct terms t = terms_read(arena, str_c(text));
    struct str joined = STR("");
    for (uint32_t i = 0; i < t.count; i++)
        joined = i ? ARENA_CONCAT(arena, joined, STR(" "), t.list[i]) : ARENA_CONCAT(arena, t.list[i]);
    assert_string_equal(joined.p ? joined.p : "", expected);
}

static bool finds(const char *wanted, const char *text) {
    struct terms w = terms_read(arena, str_c(wanted)), t = terms_read(arena, str_c(text));
    return terms_match(&t, &w);
}

static void test_words(void **state) {
    (void)state;
    is("", "");
    is(" ... !", "");
    is("Hello, World", "hello world");
    is("don't", "don t");
    is("3.14 at example.org", "3 14 at example org");
    is("Größe", "grosse");
    is("Crème BRÛLÉE", "creme brulee");
    is("e\xcc\x81t\xc3\xa9", "ete");
    is("\xef\xac\x81ne", "fine"); /* a ligature */
    is("Привет Ёж", "привет еж");
    is("a\xf0\x9f\x8d\x95z", "a \xf0\x9f\x8d\x95 z");
}

static void test_scripts_without_spaces(void **state) {
    (void)state;
    is("東京都", "東京 京都 都");
    is("abc猫def", "abc 猫 def");
    assert_true(finds("京", "東京都"));
    assert_true(finds("東京", "東京都"));
    assert_false(finds("都京", "東京都"));
    assert_true(finds("한", "한국어"));
    assert_false(finds("국", "한국어"));
}

static void test_matching(void **state) {
    (void)state;
    assert_true(finds("hel wor", "World, hello"));
    assert_false(finds("hel x", "World, hello"));
    assert_false(finds("ello", "hello"));
    assert_true(finds("cafe", "Café"));
    assert_true(finds("CAFÉ", "cafe"));
}

static void test_long(void **state) {
    (void)state;
    char text[20001];
    for (size_t i = 0; i < 20000; i++) text[i] = i % 2 ? ' ' : 'a';
    text[20000] = '\0';
    assert_int_equal(terms_read(arena, str_c(text)).count, TERMS_MAX);
    for (size_t i = 0; i < 20000; i++) text[i] = 'a';
    struct terms t = terms_read(arena, str_c(text));
    assert_int_equal(t.count, 1);
    assert_int_equal(t.list[0].len, TERM_BYTES_MAX);
    assert_true(finds(text, text));
}

static int setup(void **state) {
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_scripts_without_spaces),
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
