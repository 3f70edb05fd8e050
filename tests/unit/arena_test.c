#include "unit.h"

static void pieces_are_aligned_and_apart(void **state) {
    char *last = NULL;
    for (size_t len = 1; len < 3000; len += 7) {
        char *p = arena_alloc(*state, len);
        assert_int_equal((uintptr_t)p % 16, 0);
        assert_ptr_not_equal(p, last);
        memset(p, 0xee, len);
        last = p;
    }
    char *zeroed = arena_zalloc(*state, 5000);
    for (size_t i = 0; i < 5000; i++) assert_int_equal(zeroed[i], 0);
}

static void huge_pieces(void **state) {
    char *p = arena_alloc(*state, 1 << 20);
    memset(p, 1, 1 << 20);
    assert_true(arena_used(*state) >= 1 << 20);
    arena_reset(*state);
    assert_int_equal(arena_used(*state), 0);
    arena_alloc(*state, 1);
    assert_int_equal(arena_used(*state), 16);
}

static void release_goes_back_to_the_mark(void **state) {
    struct arena_mark empty = arena_mark(*state);
    char *first = arena_alloc(*state, 100);
    memset(first, 7, 100);
    size_t used = arena_used(*state);
    struct arena_mark mark = arena_mark(*state);
    for (int i = 0; i < 100; i++) arena_alloc(*state, 5000);
    arena_release(*state, mark);
    assert_int_equal(arena_used(*state), used);
    for (int i = 0; i < 100; i++) assert_int_equal(first[i], 7);
    arena_release(*state, empty);
    assert_int_equal(arena_used(*state), 0);
    assert_ptr_equal(arena_alloc(*state, 100), first);
}

static void strings(void **state) {
    struct str s = arena_printf(*state, "%d-%s", 42, "x");
    assert_str(s, "42-x");
    assert_int_equal(s.p[s.len], 0);
    assert_str(ARENA_CONCAT(*state, STR("a"), STR_NONE, STR("bc"), STR("")), "abc");
    struct str copy = arena_dup(*state, STR_NONE);
    assert_true(copy.p && copy.len == 0 && copy.p[0] == '\0');
    struct str big = arena_printf(*state, "%100000d", 1);
    assert_int_equal(big.len, 100000);
}

static void free_nulls(void **state) {
    (void)state;
    struct arena *arena = arena_new();
    arena_alloc(arena, 10);
    arena_free(&arena);
    assert_null(arena);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_arena(pieces_are_aligned_and_apart),
        with_arena(huge_pieces),
        with_arena(release_goes_back_to_the_mark),
        with_arena(strings),
        cmocka_unit_test(free_nulls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
