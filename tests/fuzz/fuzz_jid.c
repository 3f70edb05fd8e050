/*
 * fuzz_jid.c: an address that was made is its own normal form, whole and in parts; and what libidn's nodeprep says of
 * the local part it also says of ours (both forms of one name must not become two accounts).
 */
#include "fuzz.h"

#include <pr29.h>
#include <stringprep.h>

#include "base/codec.h"
#include "xmpp/jid.h"

static void check_same(struct arena *arena, struct jid j) {
    struct jid again;
    struct str part;
    MUST(jid_parse(arena, jid_str(j), &again) == 0);
    MUST(jid_eq(j, again) && again.p == j.p);
    MUST(again.local_len == j.local_len && again.domain_len == j.domain_len && again.resource_len == j.resource_len);
    again = jid_trusted(jid_str(j));
    MUST(again.local_len == j.local_len && again.domain_len == j.domain_len && again.resource_len == j.resource_len);
    MUST(j.domain_len && j.local_len <= JID_PART_MAX && j.domain_len <= JID_PART_MAX && j.resource_len <= JID_PART_MAX);
    MUST(utf8_valid_xml(jid_str(j)));
    MUST(jid_prepare_domain(arena, jid_domain(j), &part) == 0 && str_eq(part, jid_domain(j)));
    if (j.local_len) MUST(jid_prepare_local(arena, jid_local(j), &part) == 0 && str_eq(part, jid_local(j)));
    if (j.resource_len) MUST(jid_prepare_resource(arena, jid_resource(j), &part) == 0 && str_eq(part, jid_resource(j)));
    MUST(jid_parse(arena, jid_bare_str(j), &again) == 0 && jid_bare_eq(again, j));
}

static bool nodeprep(struct arena *arena, struct str in, struct str *out) {
    char *buffer = arena_alloc(arena, in.len * 12 + 64);
    if (in.len) memcpy(buffer, in.p, in.len);
    buffer[in.len] = '\0';
    if (strlen(buffer) != in.len || !utf8_valid(in) || pr29_8z(buffer) != PR29_SUCCESS) return false;
    if (stringprep(buffer, in.len * 12 + 64, STRINGPREP_NO_UNASSIGNED, stringprep_xmpp_nodeprep)) return false;
    *out = str_c(buffer);
    return true;
}

/* Folding makes a letter of the iota subscript, after which marks sort differently; lower case leaves it a mark. */
static bool has_iota_subscript(struct str s) {
    uint32_t c;
    for (size_t n; (n = utf8_next(s, &c)); s = str_from(s, n)) {
        if (c == 0x345 || (c >= 0x1f80 && c <= 0x1fff)) return true;
    }
    return false;
}

static void check_nodeprep(struct arena *arena, struct str local) {
    struct str ours, theirs, theirs_of_ours;
    if (has_iota_subscript(local) || jid_prepare_local(arena, local, &ours)) return;
    if (!nodeprep(arena, local, &theirs) || !nodeprep(arena, ours, &theirs_of_ours)) return;
    MUST(str_eq(theirs, theirs_of_ours));
}

static void check(struct arena *arena, struct str text) {
    struct jid j;
    if (jid_parse(arena, text, &j) == 0) check_same(arena, j);
    check_nodeprep(arena, str_first(text, str_index(text, '@')));
}

/* Where marks, cases, widths, directions and contexts are; a block of 256 characters each. */
static const uint32_t blocks[] = {0x0000, 0x0000,  0x0100,  0x0300,  0x0300, 0x0400, 0x0500, 0x0600,
                                  0x0900, 0x1000,  0x1100,  0x1e00,  0x1f00, 0x2000, 0x2100, 0x3000,
                                  0x4e00, 0xa600,  0xac00,  0xf900,  0xfb00, 0xff00, 0xff00, 0x10400,
                                  0x1100, 0x1d100, 0x1f600, 0x20000, 0x0700, 0x0d00, 0x0f00, 0xab00};

/* Random bytes are seldom UTF-8: so a second way to take them, two for a character. */
static struct str characters_of(struct arena *arena, struct str bytes) {
    char *p = arena_alloc(arena, bytes.len * 2 + 4), *at = p;
    for (size_t i = 0; i + 1 < bytes.len; i += 2) {
        uint32_t block = blocks[(unsigned char)bytes.p[i] % (sizeof blocks / sizeof blocks[0])];
        at += utf8_put(at, block + (unsigned char)bytes.p[i + 1]);
    }
    return str_of(p, (size_t)(at - p));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct arena *arena = arena_new();
    struct str text = str_first(str_of(data, len), 4096);
    check(arena, text);
    check(arena, characters_of(arena, text));
    arena_free(&arena);
    return 0;
}
