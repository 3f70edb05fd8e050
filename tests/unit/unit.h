/* unit.h: cmocka with what it needs, and comparing a struct str with a literal. */
#ifndef CONFAB_TESTS_UNIT_H
#define CONFAB_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/str.h"

#define assert_str(s, expected)                                                                                        \
    do {                                                                                                               \
        struct str got_ = (s), want_ = str_c(expected);                                                                \
        if (!str_eq(got_, want_)) fail_msg("got \"%.*s\", expected \"%.*s\"", STR_FMT(got_), STR_FMT(want_));          \
    } while (0)
#define assert_absent(s) assert_null((s).p)

/* Group fixtures: an arena for each test as *state. */
static inline int arena_setup(void **state) {
    *state = arena_new();
    return 0;
}
static inline int arena_teardown(void **state) {
    struct arena *arena = *state;
    arena_free(&arena);
    return 0;
}
#define with_arena(test) cmocka_unit_test_setup_teardown(test, arena_setup, arena_teardown)

#endif
