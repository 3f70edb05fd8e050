#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "unit.h"

/* What one log_event writes, without the time. */
static const char *logged(enum log_level level, const char *event, size_t n, const struct log_field *fields) {
    static char text[8192];
    int ends[2], saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    log_event(level, event, n, fields);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t len = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    assert_true(len > 26);
    text[len] = '\0';
    assert_int_equal(text[10], 'T');
    assert_true(text[19] == '.' && text[23] == 'Z' && text[24] == ' ');
    return text + 25;
}
#define LOGGED(...)                                                                                                    \
    logged(LOG_INFO, "e", sizeof((struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field),                        \
           (const struct log_field[]){__VA_ARGS__})

static void fields(void **state) {
    (void)state;
    assert_string_equal(logged(LOG_ERROR, "stopped", 0, NULL), "error event=stopped\n");
    assert_string_equal(LOGGED(F_C("a", "x/y@z"), F_INT("n", -5), F_ERR("err", ERR_NOT_FOUND)),
                        "info event=e a=x/y@z n=-5 err=NOT_FOUND\n");
    assert_string_equal(LOGGED(F_STR("a", STR_NONE), F_C("b", "")), "info event=e a=\"\" b=\"\"\n");
}

static void nobody_forges_a_line(void **state) {
    (void)state;
    assert_string_equal(LOGGED(F_C("a", "x\ny event=ready")), "info event=e a=\"x\\x0ay event=ready\"\n");
    assert_string_equal(LOGGED(F_C("a", "q\" b=\"\\")), "info event=e a=\"q\\\" b=\\\"\\\\\"\n");
    assert_string_equal(LOGGED(F_C("a", "\x1b[2J\x7f")), "info event=e a=\"\\x1b[2J\\x7f\"\n");
    assert_string_equal(LOGGED(F_C("a", "\xc2\x9b \xe2\x80\xae \xff")),
                        "info event=e a=\"\\xc2\\x9b \\xe2\\x80\\xae \\xff\"\n");
    assert_string_equal(LOGGED(F_C("a", "gr\xc3\xbc\xc3\x9f")), "info event=e a=\"gr\xc3\xbc\xc3\x9f\"\n");
    assert_string_equal(LOGGED(F_STR("a", str_of("\0", 1))), "info event=e a=\"\\x00\"\n");
}

static void long_values_are_cut(void **state) {
    (void)state;
    static char big[100000];
    memset(big, 'x', sizeof big - 1);
    const char *line = LOGGED(F_C("a", big), F_C("b", "after"));
    assert_non_null(strstr(line, "...\" b=after\n"));
    line = LOGGED(F_C("a", big), F_C("b", big), F_C("c", big), F_C("d", big), F_C("e", big));
    assert_int_equal(line[strlen(line) - 1], '\n');
    assert_int_equal(strlen(line) + 25, 4096);
}

static void levels(void **state) {
    (void)state;
    enum log_level level = LOG_ERROR;
    assert_true(log_level_parse(STR("debug"), &level) && level == LOG_DEBUG);
    assert_false(log_level_parse(STR("DEBUG"), &level));
    log_set_level(LOG_WARN);
    int evaluated = 0;
    LOG(LOG_INFO, "never", F_INT("n", ++evaluated));
    assert_int_equal(evaluated, 0);
    log_set_level(LOG_INFO);
    assert_int_equal(log_level(), LOG_INFO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),
        cmocka_unit_test(nobody_forges_a_line),
        cmocka_unit_test(long_values_are_cut),
        cmocka_unit_test(levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
