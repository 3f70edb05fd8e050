/*
 * fuzz_http.c: any bytes as a request. Beyond memory errors it looks for what smuggling needs: a head whose meaning
 * changes with what stands behind it, or whose end depends on how much of it was there.
 */
#include "fuzz.h"

#include "base/err.h"
#include "net/http.h"
#include "net/websocket.h"

static struct arena *arena;

static int parse(struct str bytes, const struct http_request **out, size_t *out_len, int *out_status) {
    char *copy = malloc(bytes.len); /* so that reading behind the end is seen */
    MUST(copy || bytes.len == 0);
    if (bytes.len) memcpy(copy, bytes.p, bytes.len);
    struct http_request *r = NULL;
    *out_len = 0;
    *out_status = 0;
    int err = http_parse(arena, str_of(copy, bytes.len), &r, out_len, out_status);
    if (r) { /* what the questions read must not point behind the copy either */
        uint64_t from = 0, to = 0;
        if (http_range(r, 1000, &from, &to) == 0) MUST(from <= to && to < 1000);
        (void)http_accepts_coding(r, STR("br"));
        (void)ws_handshake_check(r, STR("xmpp"));
        MUST(r->path.p[0] == '/' && !memchr(r->path.p, '\0', r->path.len));
        MUST(!(r->chunked && r->has_length));
        MUST(r->minor == 0 || str_some(http_header(r, STR("host"))));
        for (unsigned i = 0; i < r->header_count; i++)
            for (size_t k = 0; k < r->headers[i].value.len; k++) MUST(!strchr("\r\n", r->headers[i].value.p[k]));
    }
    *out = r;
    free(copy);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!arena) arena = arena_new();
    arena_reset(arena);
    struct str bytes = str_of(data, size);
    const struct http_request *r, *r2;
    size_t len, len2;
    int status, status2, err = parse(bytes, &r, &len, &status);
    MUST(err == 0 || err == ERR_AGAIN || err == ERR_INVALID);
    MUST((err == ERR_INVALID) == (status != 0));
    if (err == 0) {
        MUST(len >= 18 && len <= size && len <= HTTP_HEAD_MAX);
        MUST(str_ends(str_first(bytes, len), STR("\r\n\r\n")));
        MUST(parse(str_first(bytes, len), &r2, &len2, &status2) == 0 && len2 == len); /* nothing behind it matters */
        MUST(r2->content_length == r->content_length && r2->chunked == r->chunked &&
             r2->header_count == r->header_count);
        MUST(parse(str_first(bytes, len - 1), &r2, &len2, &status2) == ERR_AGAIN);
        MUST(parse(str_first(bytes, len / 2), &r2, &len2, &status2) == ERR_AGAIN);
    }
    if (err == ERR_AGAIN && size) MUST(parse(str_first(bytes, size - 1), &r2, &len2, &status2) == ERR_AGAIN);
    return 0;
}
