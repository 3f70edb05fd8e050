/* websocket_test.c: the handshake of RFC 6455 and its frames, right ones and wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/websocket.h"

/* --- handshake --- */

static int check(const char *lines) {
    struct arena *arena = arena_new();
    struct str head = arena_printf(arena, "GET /xmpp-websocket HTTP/1.1\r\nHost: x\r\n%s\r\n", lines);
    struct http_request *r;
    size_t len;
    int status = 0;
    assert_int_equal(http_parse(arena, head, &r, &len, &status), 0);
    status = ws_handshake_check(r, STR("xmpp"));
    arena_free(&arena);
    return status;
}

#define UPGRADE "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define PROTOCOL "Sec-WebSocket-Protocol: chat, xmpp\r\n"

static void test_handshake_check(void **state) {
    (void)state;
    static const struct {
        int status;
        const char *lines;
    } cases[] = {
        {0, UPGRADE KEY VERSION PROTOCOL},
        {426, KEY VERSION PROTOCOL},
        {426, "Connection: upgrade\r\n" KEY VERSION PROTOCOL},
        {426, UPGRADE KEY PROTOCOL "Sec-WebSocket-Version: 8\r\n"},
        {400, UPGRADE VERSION PROTOCOL},
        {400, UPGRADE VERSION PROTOCOL "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n"},
        {400, UPGRADE VERSION PROTOCOL "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n"},
        {400, UPGRADE VERSION PROTOCOL "Sec-WebSocket-Key: dGhlIHNhbXBs*SBub25jZQ==\r\n"},
        {400, UPGRADE KEY VERSION},
        {400, UPGRADE KEY VERSION "Sec-WebSocket-Protocol: chat\r\n"},
        {400, UPGRADE KEY VERSION PROTOCOL "Content-Length: 3\r\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (check(cases[i].lines) != cases[i].status) fail_msg("case %zu: %s", i, cases[i].lines);
    }
}

static void test_handshake_answer(void **state) {
    (void)state;
    struct http_request r = {.header_count = 1,
                             .headers = {{STR_INIT("sec-websocket-key"), STR_INIT("dGhlIHNhbXBsZSBub25jZQ==")}}};
    struct buf out = BUF_INIT;
    ws_handshake_answer(&out, &r, STR("xmpp"));
    struct str text = buf_str(&out); /* the key and its answer are those of RFC 6455, 1.3 */
    assert_true(str_eq(
        text, STR("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n")));
    buf_free(&out);
}

/* --- frames --- */

/* A client's frame, appended. */
static void frame_add(struct buf *out, unsigned first, struct str payload) {
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t head[10];
    size_t head_len = ws_frame_head(head, 1, payload.len);
    head[0] = (uint8_t)first;
    head[1] |= 0x80;
    buf_add(out, head, head_len);
    buf_add(out, mask, 4);
    for (size_t i = 0; i < payload.len; i++) buf_add_char(out, (char)(payload.p[i] ^ mask[i % 4]));
}

struct got {
    enum ws_event event;
    int code;
    size_t len;
    struct str payload;
};

static struct got decode(struct ws_decoder *d, struct buf *in) {
    struct got got = {.code = -1};
    struct str s = buf_str(in);
    got.event = ws_decode(d, in->b ? in->b->bytes + in->b->head : NULL, s.len, &got.len, &got.payload, &got.code);
    if (got.event != WS_NONE) buf_consume(in, got.len);
    return got;
}

static void test_text_of_every_length(void **state) {
    (void)state;
    static const size_t lens[] = {0, 1, 3, 7, 8, 9, 125, 126, 127, 1000, 65535, 65536, 70000};
    char *text = malloc(70000);
    for (size_t i = 0; i < 70000; i++) text[i] = (char)('a' + i % 26);
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        struct ws_decoder d = {.max = 70000};
        struct buf in = BUF_INIT;
        frame_add(&in, 0x81, str_of(text, lens[i]));
        struct got got = decode(&d, &in);
        assert_int_equal(got.event, WS_TEXT);
        assert_true(str_eq(got.payload, str_of(text, lens[i])));
        assert_int_equal(buf_len(&in), 0);
        assert_null(d.fragments.b);
        buf_free(&in);
        ws_decoder_free(&d);
    }
    free(text);
}

/* The same bytes come again and again until the frame is whole: it must be unmasked once. */
static void test_trickled_byte_by_byte(void **state) {
    (void)state;
    struct ws_decoder d = {.max = 1000};
    struct buf all = BUF_INIT, in = BUF_INIT;
    frame_add(&all, 0x01, STR("Gr\xc3"));
    frame_add(&all, 0x89, STR("are you there?"));
    frame_add(&all, 0x00, STR(""));
    frame_add(&all, 0x80, STR("\xbc\xc3\x9f\x65"));
    frame_add(&all, 0x01, STR("ne"));
    frame_add(&all, 0x80, STR("xt"));
    static const enum ws_event expected[] = {WS_MORE, WS_PING, WS_MORE, WS_TEXT, WS_MORE, WS_TEXT};
    static const struct str payloads[] = {STR_INIT(""), STR_INIT("are you there?"),
                                          STR_INIT(""), STR_INIT("Gr\xc3\xbc\xc3\x9f\x65"),
                                          STR_INIT(""), STR_INIT("next")};
    size_t at = 0;
    for (size_t i = 0; i < buf_len(&all); i++) {
        buf_add_char(&in, buf_str(&all).p[i]);
        struct got got = decode(&d, &in);
        if (got.event == WS_NONE) continue;
        assert_int_equal(got.event, expected[at]);
        if (got.event != WS_MORE) assert_true(str_eq(got.payload, payloads[at]));
        at++;
    }
    assert_int_equal(at, 6);
    assert_int_equal(decode(&d, &in).event, WS_NONE);
    assert_null(d.fragments.b); /* idle: nothing is held */
    buf_free(&all);
    buf_free(&in);
    ws_decoder_free(&d);
}

static void test_wrong_frames(void **state) {
    (void)state;
    static const struct {
        int code;
        struct str bytes;
    } cases[] = {
        {1002, STR_INIT("\x81\x01x")},                                    /* no mask */
        {1002, STR_INIT("\xc1")},                                         /* RSV1 without an extension */
        {1002, STR_INIT("\x83\x80mask")},                                 /* unknown opcodes */
        {1002, STR_INIT("\x8b\x80mask")},                                 /* ... */
        {1002, STR_INIT("\x80\x80mask")},                                 /* goes on, but nothing was begun */
        {1002, STR_INIT("\x09\x80mask")},                                 /* a control frame in pieces */
        {1002, STR_INIT("\x89\xfe\x00\x7emask")},                         /* a control frame of 126 bytes */
        {1002, STR_INIT("\x81\xfe\x00\x05mask")},                         /* five, said in two bytes */
        {1002, STR_INIT("\x81\xff\x00\x00\x00\x00\x00\x00\xff\xffmask")}, /* 65535, said in eight */
        {1002, STR_INIT("\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00mask")}, /* negative */
        {1003, STR_INIT("\x82\x80mask")},                                 /* binary */
        {1009, STR_INIT("\x81\xfe\x10\x00mask")},                         /* too big, judged by the header */
        {1009, STR_INIT("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask")}, /* ... */
        {1002, STR_INIT("\x88\x81\0\0\0\0x")},                            /* half a close code */
        {1002, STR_INIT("\x88\x82\0\0\0\0\x03\xed")},                     /* 1005 may not be sent */
        {1007, STR_INIT("\x88\x83\0\0\0\0\x03\xe8\xff")},                 /* a reason that is no UTF-8 */
        {1007, STR_INIT("\x81\x82\0\0\0\0\xc0\x80")},                     /* a text that is none */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ws_decoder d = {.max = 1000};
        struct buf in = BUF_INIT;
        buf_add_str(&in, cases[i].bytes);
        struct got got = decode(&d, &in);
        if (got.event != WS_BAD || got.code != cases[i].code)
            fail_msg("case %zu: event %d code %d", i, got.event, got.code);
        buf_free(&in);
        ws_decoder_free(&d);
    }
}

static void test_limit_holds_for_fragments_together(void **state) {
    (void)state;
    struct ws_decoder d = {.max = 10};
    struct buf in = BUF_INIT;
    frame_add(&in, 0x01, STR("123456"));
    frame_add(&in, 0x01, STR("x"));
    assert_int_equal(decode(&d, &in).event, WS_MORE);
    assert_int_equal(decode(&d, &in).code, 1002); /* a new message inside a message */
    buf_clear(&in);
    frame_add(&in, 0x00, STR("1234"));
    frame_add(&in, 0x80, STR("1"));
    assert_int_equal(decode(&d, &in).event, WS_MORE);
    assert_int_equal(decode(&d, &in).code, 1009);
    buf_free(&in);
    ws_decoder_free(&d);
}

static void test_close(void **state) {
    (void)state;
    struct arena *arena = arena_new();
    struct ws_decoder d = {.max = 1000};
    struct buf in = BUF_INIT;
    frame_add(&in, 0x88, STR(""));
    assert_int_equal(decode(&d, &in).code, 1005);
    frame_add(&in, 0x88, ws_close_payload(arena, 1001, STR("bye")));
    struct got got = decode(&d, &in);
    assert_int_equal(got.event, WS_CLOSE);
    assert_int_equal(got.code, 1001);
    assert_true(str_eq(got.payload, STR("bye")));
    assert_int_equal(ws_close_payload(arena, 1005, STR_NONE).len, 0);
    struct buf longest = BUF_INIT;
    for (int i = 0; i < 100; i++) buf_add_str(&longest, STR("\xe2\x82\xac"));
    assert_int_equal(ws_close_payload(arena, 1000, buf_str(&longest)).len, 2 + 123);
    buf_add_char(&longest, 'x');
    buf_consume(&longest, 1); /* begins inside a character: nothing of it may be sent */
    assert_int_equal(ws_close_payload(arena, 1000, buf_str(&longest)).len, 2);
    buf_free(&longest);
    buf_free(&in);
    ws_decoder_free(&d);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake_check),
        cmocka_unit_test(test_handshake_answer),
        cmocka_unit_test(test_text_of_every_length),
        cmocka_unit_test(test_trickled_byte_by_byte),
        cmocka_unit_test(test_wrong_frames),
        cmocka_unit_test(test_limit_holds_for_fragments_together),
        cmocka_unit_test(test_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
