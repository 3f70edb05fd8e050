#include "base/codec.h"
#include "base/err.h"
#include "unit.h"

static void base64_vectors(void **state) {
    static const char *pairs[][2] = {{"", ""},
                                     {"f", "Zg=="},
                                     {"fo", "Zm8="},
                                     {"foo", "Zm9v"},
                                     {"foob", "Zm9vYg=="},
                                     {"fooba", "Zm9vYmE="},
                                     {"foobar", "Zm9vYmFy"}};
    struct str out;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_str(base64_encode(*state, str_c(pairs[i][0])), pairs[i][1]);
        assert_int_equal(base64_decode(*state, str_c(pairs[i][1]), &out), 0);
        assert_str(out, pairs[i][0]);
    }
    assert_str(base64_encode(*state, STR("\xfb\xff")), "+/8=");
    assert_str(base64url_encode(*state, STR("\xfb\xff")), "-_8");
    assert_int_equal(base64url_decode(*state, STR("-_8"), &out), 0);
    assert_str(out, "\xfb\xff");
}

static void base64_is_strict(void **state) {
    const char *bad[] = {"Zg",    "Zg=",     "Zg===", "Zh==",   "Zm9=", "Z",        "=",    "====",
                         "Zm9v=", "Zm9vZg=", "Zm 9v", "Zm9v\n", "Zm-_", "Zg==Zg==", "Z===", "\xc3\xa9Zm"};
    struct str out = STR("kept");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(base64_decode(*state, str_c(bad[i]), &out), ERR_INVALID);
    assert_int_equal(base64url_decode(*state, STR("-_9"), &out), ERR_INVALID);
    assert_int_equal(base64url_decode(*state, STR("-_8="), &out), ERR_INVALID);
    assert_int_equal(base64url_decode(*state, STR("+/8"), &out), ERR_INVALID);
    assert_str(out, "kept");
}

static void hex(void **state) {
    struct str out;
    assert_str(hex_encode(*state, str_of("\x00\xab\x7f", 3)), "00ab7f");
    assert_int_equal(hex_decode(*state, STR("00aB7F"), &out), 0);
    assert_memory_equal(out.p, "\x00\xab\x7f", 3);
    assert_int_equal(hex_decode(*state, STR("0"), &out), ERR_INVALID);
    assert_int_equal(hex_decode(*state, STR("0g"), &out), ERR_INVALID);
}

static void utf8_good_and_bad(void **state) {
    (void)state;
    const char *good[] = {"",
                          "abc",
                          "\x7f",
                          "\xc2\x80",
                          "\xdf\xbf",
                          "\xe0\xa0\x80",
                          "\xed\x9f\xbf",
                          "\xee\x80\x80",
                          "\xef\xbf\xbf",
                          "\xf0\x90\x80\x80",
                          "\xf4\x8f\xbf\xbf",
                          "a long text before \xe2\x82\xac"};
    const char *bad[] = {"\x80",
                         "\xbf",
                         "\xc0\x80",
                         "\xc1\xbf",
                         "\xc2",
                         "\xc2\x41",
                         "\xe0\x9f\xbf",
                         "\xed\xa0\x80",
                         "\xed\xbf\xbf",
                         "\xe2\x82",
                         "\xf0\x8f\xbf\xbf",
                         "\xf4\x90\x80\x80",
                         "\xf5\x80\x80\x80",
                         "\xff",
                         "\xf8\x88\x80\x80\x80",
                         "12345678\xc3",
                         "1234567\xc3(8"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) assert_true(utf8_valid(str_c(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(utf8_valid(str_c(bad[i])));
        assert_false(utf8_valid_xml(str_c(bad[i])));
    }
    assert_true(utf8_valid_xml(STR("\t\n\r text \x7f \xef\xbf\xbd \xf4\x8f\xbf\xbf")));
    assert_true(utf8_valid(str_of("\0", 1)));
    const char *not_xml[] = {"\x01", "12345678\x1f", "123456789 \x0b 123456789", "\xef\xbf\xbe", "\xef\xbf\xbf"};
    for (size_t i = 0; i < sizeof not_xml / sizeof not_xml[0]; i++) assert_false(utf8_valid_xml(str_c(not_xml[i])));
    assert_false(utf8_valid_xml(str_of("12345678\0", 9)));
}

static void every_scalar_goes_round(void **state) {
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        if (c >= 0xd800 && c <= 0xdfff) continue;
        char bytes[4];
        uint32_t back = 0;
        size_t n = utf8_put(bytes, c);
        assert_int_equal(utf8_next(str_of(bytes, n), &back), n);
        assert_int_equal(back, c);
        if (n > 1) assert_int_equal(utf8_next(str_of(bytes, n - 1), &back), 0);
    }
}

static void datetime_vectors(void **state) {
    static const struct {
        const char *text;
        int64_t time_us;
        const char *again;
    } vectors[] = {
        {"1970-01-01T00:00:00Z", 0, NULL},
        {"1969-07-21T02:56:15Z", -14159025000000, NULL},
        {"2002-09-10T23:08:25Z", 1031699305000000, NULL},
        {"2000-02-29T12:00:00.5Z", 951825600500000, "2000-02-29T12:00:00.500000Z"},
        {"2024-12-31T23:59:59.123456789+14:00", 1735639199123456, "2024-12-31T09:59:59.123456Z"},
        {"1969-07-20T21:56:15-05:00", -14159025000000, "1969-07-21T02:56:15Z"},
        {"0001-01-01T00:00:00Z", -62135596800000000, NULL},
        {"9999-12-31T23:59:59.999999Z", 253402300799999999, NULL},
        {"2016-12-31T23:59:60Z", 1483228800000000, "2017-01-01T00:00:00Z"},
        {"1969-12-31T23:59:59.999999Z", -1, NULL},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        int64_t t = 0;
        assert_int_equal(datetime_parse(str_c(vectors[i].text), &t), 0);
        assert_true(t == vectors[i].time_us);
        assert_str(datetime_format(*state, t), vectors[i].again ? vectors[i].again : vectors[i].text);
    }
}

static void datetime_is_strict(void **state) {
    (void)state;
    const char *bad[] = {"",
                         "2024-01-01",
                         "2024-01-01T00:00:00",
                         "2024-01-01 00:00:00Z",
                         "2024-13-01T00:00:00Z",
                         "2024-00-01T00:00:00Z",
                         "2023-02-29T00:00:00Z",
                         "1900-02-29T00:00:00Z",
                         "2024-04-31T00:00:00Z",
                         "2024-01-01T24:00:00Z",
                         "2024-01-01T00:60:00Z",
                         "2024-01-01T00:00:61Z",
                         "2024-01-01T00:00:00.Z",
                         "2024-01-01T00:00:00ZZ",
                         "2024-01-01T00:00:00+0100",
                         "2024-01-01T00:00:00+24:00",
                         "0000-01-01T00:00:00Z",
                         "-2024-01-01T00:00:00Z",
                         "12024-01-01T00:00:00Z",
                         "2024-1-01T00:00:00Z"};
    int64_t t = 7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(datetime_parse(str_c(bad[i]), &t), ERR_INVALID);
    assert_int_equal(t, 7);
}

/* Every day of four centuries, forth and back. */
static void days_go_round(void **state) {
    for (int64_t day = -36525; day < 146097; day++) {
        struct arena_mark mark = arena_mark(*state);
        int64_t t = 0;
        assert_int_equal(datetime_parse(datetime_format(*state, day * 86400 * 1000000), &t), 0);
        assert_true(t == day * 86400 * 1000000);
        arena_release(*state, mark);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_arena(base64_vectors),     with_arena(base64_is_strict),        with_arena(hex),
        with_arena(utf8_good_and_bad),  with_arena(every_scalar_goes_round), with_arena(datetime_vectors),
        with_arena(datetime_is_strict), with_arena(days_go_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
