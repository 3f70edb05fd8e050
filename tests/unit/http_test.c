/* http_test.c: requests that are right, and the many that are refused; ranges, codings, heads of responses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "net/http.h"

static struct arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

static const struct http_request *parse(struct str bytes) {
    struct http_request *r = NULL;
    size_t len = 0;
    int status = 0, err = http_parse(arena, bytes, &r, &len, &status);
    if (err) fail_msg("%s, status %d: %.*s", err_name(err), status, STR_FMT(bytes));
    return r;
}

/* The status that bytes are refused with; 0: taken; -1: more is needed. */
static int status_of(struct str bytes) {
    struct http_request *r = NULL;
    size_t len = 0;
    int status = 0, err = http_parse(arena, bytes, &r, &len, &status);
    return err == ERR_AGAIN ? -1 : err ? status : 0;
}

static void test_a_request(void **state) {
    (void)state;
    struct str bytes = STR(
        "PUT /up%20load/a%2Bb.txt?x=1&y=%2F HTTP/1.1\r\nHost: localhost:5280\r\nContent-LENGTH: 42\r\n"
        "X-Empty:\r\nX-Spaces: \t a b \t\r\nExpect: 100-Continue\r\nConnection: Keep-Alive , Upgrade\r\n\r\nbody GET");
    struct http_request *r = NULL;
    size_t len = 0;
    int status = 0;
    assert_int_equal(http_parse(arena, bytes, &r, &len, &status), 0);
    assert_int_equal(bytes.len - len, 8);
    assert_int_equal(r->method, HTTP_PUT);
    assert_true(str_eq(r->path, STR("/up load/a+b.txt")));
    assert_true(str_eq(r->query, STR("x=1&y=%2F")));
    assert_true(str_eq(r->target, STR("/up%20load/a%2Bb.txt?x=1&y=%2F")));
    assert_int_equal(r->header_count, 6);
    assert_true(str_eq(http_header(r, STR("content-length")), STR("42")));
    assert_true(str_eq(http_header(r, STR("x-spaces")), STR("a b")));
    assert_non_null(http_header(r, STR("x-empty")).p);
    assert_int_equal(http_header(r, STR("x-empty")).len, 0);
    assert_null(http_header(r, STR("x-none")).p);
    assert_true(r->has_length && r->content_length == 42 && !r->chunked);
    assert_true(r->keep_alive && r->upgrade && r->expect_continue && r->minor == 1);
}

static void test_every_beginning_is_incomplete(void **state) {
    (void)state;
    struct str bytes = STR("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t n = 0; n < bytes.len; n++)
        if (status_of(str_first(bytes, n)) != -1)
            fail_msg("the first %zu bytes: %d", n, status_of(str_first(bytes, n)));
    assert_true(parse(bytes)->chunked);
}

static void test_methods_and_versions(void **state) {
    (void)state;
    assert_int_equal(parse(STR("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"))->method, HTTP_HEAD);
    assert_int_equal(parse(STR("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"))->method, HTTP_DELETE);
    assert_int_equal(parse(STR("PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n"))->method, HTTP_OTHER);
    assert_int_equal(parse(STR("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"))->method, HTTP_OPTIONS);
    const struct http_request *old = parse(STR("GET / HTTP/1.0\r\n\r\n"));
    assert_true(!old->keep_alive && old->minor == 0);
    assert_true(parse(STR("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"))->keep_alive);
    assert_false(parse(STR("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))->keep_alive);
    assert_true(str_eq(parse(STR("GET http://A.example/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n"))->path, STR("/x")));
    assert_true(str_eq(parse(STR("GET http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n"))->path, STR("/")));
}

#define GET "GET / HTTP/1.1\r\nHost: a\r\n"

static void test_refused(void **state) {
    (void)state;
    static const struct {
        int status;
        struct str bytes;
    } cases[] = {
        {501, STR_INIT("BREW / HTTP/1.1\r\nHost: a\r\n\r\n")},
        {405, STR_INIT("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n")},
        {405, STR_INIT("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n")},
        {505, STR_INIT("GET / HTTP/2.0\r\nHost: a\r\n\r\n")},
        {505, STR_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
        {505, STR_INIT("GET /\r\n\r\n")}, /* HTTP/0.9 */
        {400, STR_INIT("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")},
        {400, STR_INIT("\x16\x03\x01\x02\0\x01")},
        {400, STR_INIT("<?xml version='1.0'?><stream:stream")},
        {400, STR_INIT("GET / HTTP/1.1\r\n\r\n")},              /* no Host */
        {400, STR_INIT(GET "Host: a\r\n\r\n")},                 /* two */
        {400, STR_INIT("GET / HTTP/1.1\r\nHost: a b\r\n\r\n")}, /* a strange one */
        {400, STR_INIT("GET / HTTP/1.1\r\nHost:\r\n\r\n")},
        {400, STR_INIT(GET "Content-Length: 1\r\nContent-Length: 1\r\n\r\n")}, /* repeated, even if equal */
        {400, STR_INIT(GET "Content-Length: 1, 1\r\n\r\n")},
        {400, STR_INIT(GET "Content-Length: +1\r\n\r\n")},
        {400, STR_INIT(GET "Content-Length: 0x1\r\n\r\n")},
        {400, STR_INIT(GET "Content-Length: 1 1\r\n\r\n")},
        {400, STR_INIT(GET "Content-Length:\r\n\r\n")},
        {400, STR_INIT(GET "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")}, /* both */
        {400, STR_INIT(GET "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n")},
        {400, STR_INIT(GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n")},
        {400, STR_INIT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")},
        {400, STR_INIT(GET "Transfer-Encoding : chunked\r\n\r\n")}, /* space before the colon */
        {400, STR_INIT(GET " folded: x\r\n\r\n")},
        {400, STR_INIT(GET "A: b\r\n c\r\n\r\n")},
        {400, STR_INIT("GET / HTTP/1.1\nHost: a\n\n")}, /* bare LF */
        {400, STR_INIT("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n")},
        {400, STR_INIT("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n")}, /* bare CR */
        {400, STR_INIT(GET "A: \x01\r\n\r\n")},
        {400, STR_INIT(GET "A: b\0c\r\n\r\n")},
        {400, STR_INIT(GET ": x\r\n\r\n")},
        {400, STR_INIT(GET "no colon\r\n\r\n")},
        {400, STR_INIT(GET "Expect: miracles\r\n\r\n")},
        {400, STR_INIT("GET x HTTP/1.1\r\nHost: a\r\n\r\n")}, /* targets */
        {400, STR_INIT("GET * HTTP/1.1\r\nHost: a\r\n\r\n")},
        {400, STR_INIT("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n")},
        {400, STR_INIT("GET /../etc HTTP/1.1\r\nHost: a\r\n\r\n")},
        {400, STR_INIT("GET /a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n")},
        {400, STR_INIT("GET /a/. HTTP/1.1\r\nHost: a\r\n\r\n")},
        {400, STR_INIT("GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n")},
        {400, STR_INIT("GET /a%00 HTTP/1.1\r\nHost: a\r\n\r\n")},
        {400, STR_INIT("GET /a%0d HTTP/1.1\r\nHost: a\r\n\r\n")},
        {400, STR_INIT("GET /a%g0 HTTP/1.1\r\nHost: a\r\n\r\n")},
        {400, STR_INIT("GET /a%4 HTTP/1.1\r\nHost: a\r\n\r\n")},
        {400, STR_INIT("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n")},
        {400, STR_INIT("GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status = status_of(cases[i].bytes);
        if (status != cases[i].status)
            fail_msg("%d instead of %d: %.*s", status, cases[i].status, STR_FMT(cases[i].bytes));
    }
    int status = status_of(STR(GET "Transfer-Encoding: gzip, chunked\r\n\r\n"));
    assert_true(status == 501 || status == 400);
    status = status_of(STR(GET "Content-Length: 99999999999999999999\r\n\r\n"));
    assert_true(status == 413 || status == 400);
    assert_int_equal(status_of(STR("GET /a..b/...c HTTP/1.1\r\nHost: a\r\n\r\n")), 0);
}

static void test_limits(void **state) {
    (void)state;
    struct buf b = BUF_INIT;
    BUF_ADD_LIT(&b, "GET /");
    for (int i = 0; i < 9000; i++) buf_add_char(&b, 'a');
    assert_int_equal(status_of(buf_str(&b)), 414);
    buf_clear(&b);
    BUF_ADD_LIT(&b, GET "A: ");
    while (buf_len(&b) < HTTP_HEAD_MAX - 4) buf_add_char(&b, 'a');
    assert_int_equal(status_of(buf_str(&b)), -1);
    BUF_ADD_LIT(&b, "\r\n\r\n");
    assert_int_equal(buf_len(&b), HTTP_HEAD_MAX);
    assert_int_equal(status_of(buf_str(&b)), 0);
    b.b->bytes[HTTP_HEAD_MAX - 4] = 'a';
    b.b->bytes[HTTP_HEAD_MAX - 3] = 'a';
    assert_int_equal(status_of(str_first(buf_str(&b), HTTP_HEAD_MAX - 2)), -1);
    b.b->bytes[HTTP_HEAD_MAX - 2] = 'a';
    b.b->bytes[HTTP_HEAD_MAX - 1] = 'a';
    assert_int_equal(status_of(buf_str(&b)), 431);
    buf_clear(&b);
    BUF_ADD_LIT(&b, GET);
    for (int i = 0; i < HTTP_HEADERS_MAX - 1; i++) buf_printf(&b, "h%d: x\r\n", i);
    size_t full = buf_len(&b);
    BUF_ADD_LIT(&b, "\r\n");
    assert_int_equal(parse(buf_str(&b))->header_count, HTTP_HEADERS_MAX);
    buf_cut(&b, full);
    BUF_ADD_LIT(&b, "more: x\r\n\r\n");
    assert_int_equal(status_of(buf_str(&b)), 431);
    buf_free(&b);
}

static const struct http_request *with(const char *name, const char *value) {
    struct str head = arena_printf(arena, "GET / HTTP/1.1\r\nHost: a\r\n%s: %s\r\n\r\n", name, value);
    return parse(head);
}

static void test_accepts_coding(void **state) {
    (void)state;
    static const struct {
        const char *value;
        bool br, gzip;
    } cases[] = {
        {"gzip, deflate, br", true, true},
        {"gzip;q=0.5, br;q=0", false, true},
        {"BR;Q=0.000,*", false, true},
        {"*", true, true},
        {"*;q=0, br", true, false},
        {"identity", false, false},
        {"brx, xbr, br ; q=0.001", true, false},
        {"", false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct http_request *r = with("Accept-Encoding", cases[i].value);
        if (http_accepts_coding(r, STR("br")) != cases[i].br || http_accepts_coding(r, STR("gzip")) != cases[i].gzip)
            fail_msg("%s", cases[i].value);
    }
    assert_false(http_accepts_coding(parse(STR(GET "\r\n")), STR("br")));
}

static void test_range(void **state) {
    (void)state;
    static const struct {
        const char *value;
        int err;
        uint64_t from, to;
    } cases[] = {
        {"bytes=0-99", 0, 0, 99},
        {"bytes=0-9999", 0, 0, 999},
        {"bytes=10-", 0, 10, 999},
        {"bytes=-10", 0, 990, 999},
        {"bytes=-5000", 0, 0, 999},
        {"Bytes=999-999", 0, 999, 999},
        {"bytes=1000-", ERR_INVALID, 0, 0},
        {"bytes=-0", ERR_INVALID, 0, 0},
        {"bytes=5-4", ERR_NOT_FOUND, 0, 0},
        {"bytes=0-1,5-6", ERR_NOT_FOUND, 0, 0},
        {"lines=0-1", ERR_NOT_FOUND, 0, 0},
        {"bytes=-", ERR_NOT_FOUND, 0, 0},
        {"bytes=a-b", ERR_NOT_FOUND, 0, 0},
        {"bytes=7", ERR_NOT_FOUND, 0, 0},
        {"bytes=99999999999999999999-", ERR_NOT_FOUND, 0, 0},
        {"bytes=0-18446744073709551615", 0, 0, 999},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t from = 0, to = 0;
        int err = http_range(with("Range", cases[i].value), 1000, &from, &to);
        if (err != cases[i].err || from != cases[i].from || to != cases[i].to) fail_msg("%s", cases[i].value);
    }
    uint64_t from, to;
    assert_int_equal(http_range(with("Range", "bytes=0-"), 0, &from, &to), ERR_INVALID);
    assert_int_equal(http_range(with("X", "y"), 1, &from, &to), ERR_NOT_FOUND);
}

static void test_head_of_a_response(void **state) {
    (void)state;
    struct buf b = BUF_INIT;
    http_head(&b, 404, false, 12, INT64_C(784111777) * 1000000 + 5);
    http_header_add(&b, STR("X-Path"), STR("/a\r\nSet-Cookie: b"));
    assert_true(
        str_eq(buf_str(&b), STR("HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close\r\n"
                                "Content-Length: 12\r\nX-Path: /a  Set-Cookie: b\r\n")));
    buf_clear(&b);
    http_head(&b, 200, true, UINT64_MAX, 0);
    assert_true(str_eq(buf_str(&b), STR("HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n")));
    assert_string_equal(http_reason(999), "Unknown");
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_beginning_is_incomplete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_methods_and_versions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_accepts_coding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_range, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_head_of_a_response, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
