/* fuzz_codec.c: what a decoder takes, its encoder gives back byte for byte; times survive a round. */
#include "fuzz.h"

#include "base/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct arena *arena = arena_new();
    struct str text = str_of(data, len), out;
    int64_t time_us, again;
    if (base64_decode(arena, text, &out) == 0) MUST(str_eq(base64_encode(arena, out), text));
    if (base64url_decode(arena, text, &out) == 0) MUST(str_eq(base64url_encode(arena, out), text));
    if (hex_decode(arena, text, &out) == 0) MUST(hex_encode(arena, out).len == len);
    MUST(base64_decode(arena, base64_encode(arena, text), &out) == 0 && str_eq(out, text));
    if (datetime_parse(text, &time_us) == 0) {
        MUST(datetime_parse(datetime_format(arena, time_us), &again) == 0 && again == time_us);
    }
    if (utf8_valid_xml(text)) MUST(utf8_valid(text));
    for (uint32_t c; utf8_valid(text) && text.len;) {
        char bytes[4];
        size_t n = utf8_next(text, &c);
        MUST(n && utf8_put(bytes, c) == n && memcmp(bytes, text.p, n) == 0);
        text = str_from(text, n);
    }
    arena_free(&arena);
    return 0;
}
