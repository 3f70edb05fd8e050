/*
 * fuzz_websocket.c: any bytes as frames of a client, once in one piece and once byte by byte: both must see the same.
 * The first two bytes of the input choose the limit.
 */
#include "fuzz.h"

#include "base/codec.h"
#include "net/websocket.h"

/* What was seen, as one number: the order, the kind and the content of all events. */
struct digest {
    uint64_t hash;
    bool over;
};

static void digest_add(struct digest *d, const void *p, size_t len) {
    for (size_t i = 0; i < len; i++) d->hash = (d->hash ^ ((const uint8_t *)p)[i]) * UINT64_C(1099511628211);
}

/* All events that are to be had from the first `len` bytes behind *at. */
static void take_events(struct ws_decoder *ws, char *bytes, size_t len, size_t *at, struct digest *d) {
    while (!d->over) {
        size_t used = 0;
        struct str payload = STR_NONE;
        int code = 0;
        enum ws_event event = ws_decode(ws, bytes + *at, len - *at, &used, &payload, &code);
        if (event == WS_NONE) return;
        MUST(used > 0 && used <= len - *at);
        MUST(buf_len(&ws->fragments) <= ws->max);
        if (event == WS_TEXT) MUST(payload.len <= ws->max && utf8_valid(payload));
        if (event == WS_PING || event == WS_PONG) MUST(payload.len <= 125);
        if (event == WS_BAD || event == WS_CLOSE) MUST(code >= 1000 && code <= 4999);
        *at += used;
        uint8_t kind = (uint8_t)event;
        digest_add(d, &kind, 1);
        digest_add(d, &code, sizeof(code));
        if (event != WS_BAD && event != WS_MORE) digest_add(d, payload.p, payload.len);
        d->over = event == WS_BAD || event == WS_CLOSE;
    }
}

static struct digest decode_all(const uint8_t *data, size_t size, uint32_t max, size_t step) {
    struct ws_decoder ws = {.max = max};
    struct digest d = {.hash = 1};
    char *bytes = malloc(size + 1);
    MUST(bytes);
    memcpy(bytes, data, size);
    size_t at = 0;
    for (size_t len = 0; len < size;) {
        len = size - len < step ? size : len + step;
        take_events(&ws, bytes, len, &at, &d);
    }
    ws_decoder_free(&ws);
    free(bytes);
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0;
    uint32_t max = (uint32_t)(data[0] << 8 | data[1]);
    struct digest whole = decode_all(data + 2, size - 2, max, size), pieces = decode_all(data + 2, size - 2, max, 1);
    MUST(whole.hash == pieces.hash && whole.over == pieces.over);

    uint8_t head[10];
    size_t head_len = ws_frame_head(head, 1, size);
    MUST(head_len >= 2 && head_len <= 10);
    return 0;
}
