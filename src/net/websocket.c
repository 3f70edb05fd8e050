/*
 * websocket.c: RFC 6455 for a server. A frame is looked at only when it is there in one piece (the connection keeps the
 * beginning), so that it is unmasked once, in place, and nothing is held while idle. Its announced length is judged
 * before it is awaited. Who uses the decoder lets the connection keep at least max + 14 unread bytes.
 *
 * Thread: whoever owns the decoder.
 */
#include "net/websocket.h"

#include <string.h>

#include "base/codec.h"
#include "base/crypto.h"

#define KEY_LEN 24 /* 16 bytes in base64 */
#define CONTROL_MAX 125
#define MASK_LEN 4

enum { OP_CONTINUATION = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

/* --- handshake --- */

static bool key_is_right(struct str key) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (key.len != KEY_LEN || !str_ends(key, STR("=="))) return false;
    for (size_t i = 0; i < KEY_LEN - 2; i++)
        if (key.p[i] == '\0' || !strchr(alphabet, key.p[i])) return false;
    return strchr("AQgw", key.p[KEY_LEN - 3]) != NULL; /* the unused bits are zero */
}

int ws_handshake_check(const struct http_request *r, struct str protocol) {
    if (r->method != HTTP_GET) return 405;
    if (!r->upgrade || !http_header_has(r, STR("upgrade"), STR("websocket"))) return 426;
    if (!str_eq(http_header(r, STR("sec-websocket-version")), STR("13"))) return 426;
    if (!key_is_right(http_header(r, STR("sec-websocket-key")))) return 400;
    if (r->chunked || r->content_length > 0) return 400;
    return http_header_has(r, STR("sec-websocket-protocol"), protocol) ? 0 : 400;
}

void ws_handshake_answer(struct buf *out, const struct http_request *r, struct str protocol) {
    struct arena *arena = arena_new();
    struct str key = http_header(r, STR("sec-websocket-key"));
    uint8_t digest[20];
    hash_bytes(HASH_SHA1, ARENA_CONCAT(arena, key, STR("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")), digest);
    BUF_ADD_LIT(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    http_header_add(out, STR("Sec-WebSocket-Accept"), base64_encode(arena, str_of(digest, sizeof(digest))));
    http_header_add(out, STR("Sec-WebSocket-Protocol"), protocol);
    BUF_ADD_LIT(out, "\r\n");
    arena_free(&arena);
}

/* --- reading frames --- */

struct frame {
    unsigned opcode;
    bool fin;
    size_t head_len; /* with the mask */
    uint64_t payload_len;
};

static uint64_t big_endian(const uint8_t *p, unsigned len) {
    uint64_t n = 0;
    while (len--) n = n << 8 | *p++;
    return n;
}

/* 0: as far as it is there, the header is right. Else the close code. *out_head_len 0: not all there. */
static int frame_read(const uint8_t *p, size_t len, struct frame *out) {
    *out = (struct frame){0};
    if (len >= 1 && (p[0] & 0x70)) return 1002; /* no extension was agreed on */
    if (len < 2) return 0;
    if (!(p[1] & 0x80)) return 1002; /* a client masks */
    unsigned short_len = p[1] & 0x7f, more = short_len == 126 ? 2 : short_len == 127 ? 8 : 0;
    if (len < 2 + more + MASK_LEN) return 0;
    uint64_t payload_len = more ? big_endian(p + 2, more) : short_len;
    if ((more == 2 && payload_len < 126) || (more == 8 && (payload_len < 65536 || payload_len >> 63))) return 1002;
    *out = (struct frame){
        .opcode = p[0] & 15, .fin = p[0] >> 7, .head_len = 2 + more + MASK_LEN, .payload_len = payload_len};
    return 0;
}

/* Whether such a frame may come now. 0 or the close code. */
static int frame_check(const struct ws_decoder *d, const struct frame *f) {
    if (f->opcode >= OP_CLOSE) {
        if (f->opcode > OP_PONG || !f->fin || f->payload_len > CONTROL_MAX) return 1002;
        return 0;
    }
    if (f->opcode == OP_BINARY) return 1003;
    if (f->opcode > OP_BINARY) return 1002;
    if ((f->opcode == OP_CONTINUATION) != d->in_message) return 1002;
    return f->payload_len > d->max - buf_len(&d->fragments) ? 1009 : 0;
}

static void payload_unmask(uint8_t *p, size_t len, const uint8_t mask[MASK_LEN]) {
    uint64_t wide;
    memcpy(&wide, mask, MASK_LEN);
    memcpy((uint8_t *)&wide + MASK_LEN, mask, MASK_LEN);
    size_t i = 0;
    for (; i + sizeof(wide) <= len; i += sizeof(wide)) {
        uint64_t word;
        memcpy(&word, p + i, sizeof(word));
        word ^= wide;
        memcpy(p + i, &word, sizeof(word));
    }
    for (; i < len; i++) p[i] ^= mask[i % MASK_LEN];
}

static bool close_code_is_right(unsigned code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static enum ws_event bad(int code, int *out_code) {
    *out_code = code;
    return WS_BAD;
}

static enum ws_event take_close(struct str payload, struct str *out_payload, int *out_code) {
    if (payload.len == 1) return bad(1002, out_code);
    unsigned code = payload.len ? (unsigned)big_endian((const uint8_t *)payload.p, 2) : 1005;
    struct str reason = str_from(payload, 2);
    if (payload.len && !close_code_is_right(code)) return bad(1002, out_code);
    if (!utf8_valid(reason)) return bad(1007, out_code);
    *out_payload = reason;
    *out_code = (int)code;
    return WS_CLOSE;
}

/* A piece of a text message, maybe the only one. */
static enum ws_event take_text(struct ws_decoder *d, bool fin, struct str payload, struct str *out_payload,
                               int *out_code) {
    bool alone = fin && !d->in_message;
    if (!alone) buf_add_str(&d->fragments, payload);
    d->in_message = !fin;
    if (!fin) return WS_MORE;
    struct str text = alone ? payload : buf_str(&d->fragments);
    if (!utf8_valid(text)) return bad(1007, out_code);
    *out_payload = text;
    return WS_TEXT;
}

enum ws_event ws_decode(struct ws_decoder *d, char *bytes, size_t len, size_t *out_len, struct str *out_payload,
                        int *out_code) {
    if (!d->in_message) buf_free(&d->fragments); /* of the message that was handed out last */
    struct frame f;
    int code = frame_read((const uint8_t *)bytes, len, &f);
    if (!code && f.head_len) code = frame_check(d, &f);
    if (code) {
        *out_len = len;
        return bad(code, out_code);
    }
    if (f.head_len == 0 || len - f.head_len < f.payload_len) return WS_NONE;

    char *payload = bytes + f.head_len;
    size_t payload_len = (size_t)f.payload_len;
    payload_unmask((uint8_t *)payload, payload_len, (const uint8_t *)payload - MASK_LEN);
    *out_len = f.head_len + payload_len;
    *out_payload = str_of(payload, payload_len);
    switch (f.opcode) {
    case OP_CLOSE:
        return take_close(*out_payload, out_payload, out_code);
    case OP_PING:
        return WS_PING;
    case OP_PONG:
        return WS_PONG;
    default:
        return take_text(d, f.fin, *out_payload, out_payload, out_code);
    }
}

void ws_decoder_free(struct ws_decoder *d) {
    buf_free(&d->fragments);
    d->in_message = false;
}

/* --- writing frames --- */

size_t ws_frame_head(uint8_t out[10], int opcode, size_t payload_len) {
    unsigned more = payload_len < 126 ? 0 : payload_len < 65536 ? 2 : 8;
    out[0] = (uint8_t)(0x80 | opcode);
    out[1] = (uint8_t)(more == 0 ? payload_len : more == 2 ? 126 : 127);
    for (unsigned i = 0; i < more; i++) out[2 + i] = (uint8_t)((uint64_t)payload_len >> (8 * (more - 1 - i)));
    return 2 + more;
}

struct str ws_close_payload(struct arena *arena, int code, struct str reason) {
    if (code == 1005) return STR(""); /* "no code": may not be sent as one */
    reason = str_first(reason, CONTROL_MAX - 2);
    while (!utf8_valid(reason)) reason.len--; /* not in the middle of a character */
    char head[2] = {(char)(code >> 8), (char)(code & 255)};
    return ARENA_CONCAT(arena, str_of(head, 2), reason);
}
