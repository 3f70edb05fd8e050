/*
 * websocket.h: RFC 6455 framing for servers: no extensions, masked input, one direction at a time, nothing allocated
 * while idle.
 */
#ifndef CONFAB_NET_WEBSOCKET_H
#define CONFAB_NET_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "net/http.h"

/* --- handshake --- */

/* Whether this request is a right WebSocket handshake that offers `protocol`. 0, or the HTTP status to answer (400,
 * 405, 426 ...). */
int ws_handshake_check(const struct http_request *r, struct str protocol);
/* 101 with the accept key and the subprotocol, whole head. */
void ws_handshake_answer(struct buf *out, const struct http_request *r, struct str protocol);

/* --- frames --- */

enum ws_event {
    WS_NONE, /* incomplete: come again with more behind the same bytes */
    WS_TEXT, /* a complete text message (valid UTF-8) in *out_payload */
    WS_PING, /* answer with the same payload */
    WS_PONG,
    WS_CLOSE, /* *out_code: 1000.., 1005 without */
    WS_MORE,  /* a fragment was taken in (or an empty turn); call again with what is behind */
    WS_BAD,   /* fail the connection with *out_code (1002 protocol, 1003 binary, 1007 bad UTF-8, 1009 too big) */
};

/* Zeroed is the start. */
struct ws_decoder {
    struct buf fragments; /* of an unfinished message only */
    uint32_t max;         /* bytes of one message, fragments together; set it before use */
    bool in_message;
};

/* At the head of `bytes` (unmasked in place, so they are not const). *out_len: bytes consumed when the event is not
 * WS_NONE. The payload points into `bytes` or into the decoder (valid until the next call). A frame is taken whole: the
 * bytes before its end must be kept, up to max + 14 of them (conn_limits.unread_max). */
enum ws_event ws_decode(struct ws_decoder *d, char *bytes, size_t len, size_t *out_len, struct str *out_payload,
                        int *out_code);
void ws_decoder_free(struct ws_decoder *d);

/* Header of a server frame: opcode 1 text, 8 close, 9 ping, 10 pong. Returns its length (at most 10). */
size_t ws_frame_head(uint8_t out[10], int opcode, size_t payload_len);
/* Payload of a close frame: code and reason. */
struct str ws_close_payload(struct arena *arena, int code, struct str reason);

#endif
