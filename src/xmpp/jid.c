/*
 * jid.c: addresses. Nearly all are ASCII in lower case already: one pass over the bytes with a table says so, and the
 * address borrows its text. Whatever else goes part by part through PRECIS (precis.c) and, for domains, rules
 * like those of IDNA 2008: labels of letters and digits in lower case and NFC, A-labels turned into U-labels, the bidi
 * rule over the whole, 63 bytes a label in its ASCII form. IPv4 and bracketed IPv6 addresses stand for themselves,
 * the latter in their canonical spelling.
 *
 * What must hold: equal addresses are equal bytes, and preparing what was prepared changes nothing. Pure; any thread.
 */
#include "xmpp/jid.h"

#include <arpa/inet.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "xmpp/precis.h"
#include "xmpp/punycode.h"

/* Normalising makes text shorter by at most this (a full-width letter has three bytes, its plain form one). */
#define INPUT_MAX (JID_PART_MAX * 4)
#define LABEL_MAX 63
#define LABELS_MAX 127 /* more do not fit into the 255 bytes of a DNS name */

enum { LOCAL = 1, HOST = 2, RESOURCE = 4, UPPER = 8 };

/* What ASCII may stand where. UPPER: allowed in local and domain, but must be changed. */
__extension__ static const unsigned char ascii_flags[256] = {
    [' '] = RESOURCE,
    ['!'] = LOCAL | RESOURCE,
    ['"'] = RESOURCE,
    ['#' ... '%'] = LOCAL | RESOURCE,
    ['&' ... '\''] = RESOURCE,
    ['(' ... ','] = LOCAL | RESOURCE,
    ['-' ... '.'] = LOCAL | HOST | RESOURCE,
    ['/'] = RESOURCE,
    ['0' ... '9'] = LOCAL | HOST | RESOURCE,
    [':'] = RESOURCE,
    [';'] = LOCAL | RESOURCE,
    ['<'] = RESOURCE,
    ['='] = LOCAL | RESOURCE,
    ['>'] = RESOURCE,
    ['?'] = LOCAL | RESOURCE,
    ['@'] = RESOURCE,
    ['A' ... 'Z'] = UPPER | RESOURCE,
    ['[' ... '`'] = LOCAL | RESOURCE,
    ['a' ... 'z'] = LOCAL | HOST | RESOURCE,
    ['{' ... '~'] = LOCAL | RESOURCE,
};

static bool is_all(struct str s, unsigned flags) {
    for (size_t i = 0; i < s.len; i++) {
        if (!(ascii_flags[(unsigned char)s.p[i]] & flags)) return false;
    }
    return true;
}

static bool is_ascii(struct str s) {
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.p[i] >= 0x80) return false;
    }
    return true;
}

static struct str ascii_lower(struct arena *arena, struct str s) {
    struct str copy = arena_dup(arena, s);
    char *p = (char *)copy.p; /* our own copy */
    for (size_t i = 0; i < s.len; i++) {
        if (p[i] >= 'A' && p[i] <= 'Z') p[i] = (char)(p[i] + 32);
    }
    return copy;
}

/* The last word on every part: the limit, and the same bytes again rather than a copy of them. */
static int part_done(struct str in, struct str prepared, struct str *out) {
    if (prepared.len == 0 || prepared.len > JID_PART_MAX) return ERR_INVALID;
    *out = str_eq(in, prepared) ? in : prepared;
    return 0;
}

/* --- local part and resource --- */

int jid_prepare_local(struct arena *arena, struct str in, struct str *out) {
    struct str prepared;
    if (is_all(in, LOCAL)) return part_done(in, in, out);
    if (is_ascii(in)) return is_all(in, LOCAL | UPPER) ? part_done(in, ascii_lower(arena, in), out) : ERR_INVALID;
    if (precis_username(arena, in, INPUT_MAX, &prepared)) return ERR_INVALID;
    /* Full-width forms of forbidden characters are plain by now. */
    for (size_t i = 0; i < prepared.len; i++) {
        unsigned char c = (unsigned char)prepared.p[i];
        if (c < 0x80 && !(ascii_flags[c] & LOCAL)) return ERR_INVALID;
    }
    return part_done(in, prepared, out);
}

int jid_prepare_resource(struct arena *arena, struct str in, struct str *out) {
    struct str prepared;
    if (is_all(in, RESOURCE)) return part_done(in, in, out);
    if (precis_opaque(arena, in, INPUT_MAX, &prepared)) return ERR_INVALID;
    return part_done(in, prepared, out);
}

/* --- domain --- */

/* [IPv6], in the one spelling that inet_ntop gives. */
static int prepare_ipv6(struct arena *arena, struct str in, struct str *out) {
    char text[INET6_ADDRSTRLEN], canonical[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (in.len < 4 || in.len - 2 >= sizeof text || in.p[in.len - 1] != ']') return ERR_INVALID;
    memcpy(text, in.p + 1, in.len - 2);
    text[in.len - 2] = '\0';
    if (strlen(text) != in.len - 2 || inet_pton(AF_INET6, text, &address) != 1) return ERR_INVALID;
    CHECK(inet_ntop(AF_INET6, &address, canonical, sizeof canonical));
    return part_done(in, arena_printf(arena, "[%s]", canonical), out);
}

/* Hyphens inside only, and not where a prefix like xn-- would have them. */
static bool are_hyphens_sound(struct runes label) {
    if (label.len == 0 || label.p[0] == '-' || label.p[label.len - 1] == '-') return false;
    return !(label.len >= 4 && label.p[2] == '-' && label.p[3] == '-');
}

/* Ignorable blocks of RFC 5892, 2.4: marks for symbols, musical notation. Nothing with a name. */
static bool is_ignorable_block(uint32_t c) {
    return (c >= 0x20d0 && c <= 0x20ff) || (c >= 0x1d100 && c <= 0x1d24f);
}

/* A label with something beyond ASCII, folded. */
static bool is_u_label(struct arena *arena, struct runes label) {
    struct runes folded;
    struct str encoded;
    if (!are_hyphens_sound(label) || precis_begins_with_mark(label) || !precis_is_identifier(label)) return false;
    if (runes_fold(arena, label, &folded) || !runes_eq(folded, label)) return false;
    for (size_t i = 0; i < label.len; i++) {
        uint32_t c = label.p[i];
        if (c < 0x80 ? !(ascii_flags[c] & HOST) || c == '.' : is_ignorable_block(c)) return false;
    }
    return punycode_encode(arena, label, &encoded) == 0;
}

struct domain {
    struct arena *arena;
    struct str text; /* the labels so far, with dots */
    unsigned labels;
    bool has_rtl, all_bidi_sound;
};

static void domain_add(struct domain *d, struct str text, struct runes label) {
    d->text = d->text.len ? ARENA_CONCAT(d->arena, d->text, STR("."), text) : text;
    d->has_rtl |= precis_has_rtl(label);
    d->all_bidi_sound &= precis_is_bidi_sound(label);
}

/* One label, folded and without dots. */
static int prepare_label(struct domain *d, struct str in) {
    struct runes label;
    if (in.len == 0 || d->labels++ == LABELS_MAX || runes_read(d->arena, in, INPUT_MAX, &label)) return ERR_INVALID;
    if (str_starts(in, STR("xn--"))) {
        if (!is_all(in, HOST) || punycode_decode(d->arena, str_from(in, 4), &label)) return ERR_INVALID;
        struct str again, text = runes_write(d->arena, label);
        if (is_ascii(text) || !is_u_label(d->arena, label)) return ERR_INVALID;
        if (punycode_encode(d->arena, label, &again) || !str_eq(again, str_from(in, 4))) return ERR_INVALID;
        domain_add(d, text, label);
        return 0;
    }
    bool good = is_ascii(in) ? in.len <= LABEL_MAX && is_all(in, HOST) && are_hyphens_sound(label)
                             : is_u_label(d->arena, label);
    if (good) domain_add(d, in, label);
    return good ? 0 : ERR_INVALID;
}

/* The slow way: anything but plain lower-case ASCII without A-labels. */
static int prepare_labels(struct arena *arena, struct str in, struct str *out) {
    struct runes runes;
    struct domain d = {.arena = arena, .all_bidi_sound = true};
    if (runes_read(arena, in, INPUT_MAX, &runes)) return ERR_INVALID;
    runes_map_width(&runes);
    if (runes_fold(arena, runes, &runes)) return ERR_INVALID;
    for (size_t i = 0; i < runes.len; i++) {
        if (runes.p[i] == 0x3002) runes.p[i] = '.'; /* the ideographic full stop */
    }
    struct str rest = runes_write(arena, runes);
    if (str_ends(rest, STR("."))) rest.len--;
    for (;;) {
        size_t len = str_index(rest, '.');
        if (prepare_label(&d, str_first(rest, len))) return ERR_INVALID;
        if (len == rest.len) break;
        rest = str_from(rest, len + 1);
    }
    if (d.has_rtl && !d.all_bidi_sound) return ERR_INVALID;
    *out = d.text;
    return 0;
}

/* Lower-case labels of letters, digits and inner hyphens, none of them xn-- or longer than 63. */
static bool is_plain_domain(struct str in) {
    size_t label = 0, labels = 0;
    if (!is_all(in, HOST)) return false;
    for (size_t i = 0; i <= in.len; i++) {
        if (i < in.len && in.p[i] != '.') continue;
        size_t len = i - label;
        const char *p = in.p + label;
        if (len == 0 || len > LABEL_MAX || labels++ == LABELS_MAX || p[0] == '-' || p[len - 1] == '-') return false;
        if (len >= 4 && p[2] == '-' && p[3] == '-') return false;
        label = i + 1;
    }
    return true;
}

int jid_prepare_domain(struct arena *arena, struct str in, struct str *out) {
    struct str prepared;
    if (in.len == 0) return ERR_INVALID;
    if (in.p[0] == '[') return prepare_ipv6(arena, in, out);
    if (is_plain_domain(in)) return part_done(in, in, out);
    if (prepare_labels(arena, in, &prepared)) return ERR_INVALID;
    return part_done(in, prepared, out);
}

/* --- whole addresses --- */

/* Where the parts are: the first slash ends the domain, an at sign before it the local part. */
struct parts {
    struct str local, domain, resource;
    bool has_local, has_resource;
};

static struct parts parts_of(struct str text) {
    struct parts p = {.domain = text};
    size_t slash = str_index(text, '/');
    if (slash < text.len) {
        p.has_resource = true;
        p.resource = str_from(text, slash + 1);
        p.domain = str_first(text, slash);
    }
    size_t at = str_index(p.domain, '@');
    if (at < p.domain.len) {
        p.has_local = true;
        p.local = str_first(p.domain, at);
        p.domain = str_from(p.domain, at + 1);
    }
    return p;
}

int jid_parse(struct arena *arena, struct str text, struct jid *out) {
    struct parts in = parts_of(text), p = in;
    if (in.has_local && jid_prepare_local(arena, in.local, &p.local)) return ERR_INVALID;
    if (jid_prepare_domain(arena, in.domain, &p.domain)) return ERR_INVALID;
    if (in.has_resource && jid_prepare_resource(arena, in.resource, &p.resource)) return ERR_INVALID;
    bool same = str_eq(p.local, in.local) && str_eq(p.domain, in.domain) && str_eq(p.resource, in.resource);
    *out = same ? jid_trusted(text) : jid_make(arena, p.local, p.domain, p.resource);
    return 0;
}

struct jid jid_make(struct arena *arena, struct str local, struct str domain, struct str resource) {
    CHECK(domain.len > 0 && local.len <= JID_PART_MAX && domain.len <= JID_PART_MAX && resource.len <= JID_PART_MAX);
    struct str text = ARENA_CONCAT(arena, local, local.len ? STR("@") : STR_NONE, domain,
                                   resource.len ? STR("/") : STR_NONE, resource);
    return (struct jid){text.p, (uint16_t)local.len, (uint16_t)domain.len, (uint16_t)resource.len};
}

struct jid jid_dup(struct arena *arena, struct jid j) {
    if (jid_some(j)) j.p = arena_dup(arena, jid_str(j)).p;
    return j;
}

struct jid jid_trusted(struct str text) {
    struct parts p = parts_of(text);
    if (text.len == 0) return JID_NONE;
    CHECK(p.domain.len > 0 && text.len <= JID_MAX);
    return (struct jid){text.p, (uint16_t)p.local.len, (uint16_t)p.domain.len, (uint16_t)p.resource.len};
}
