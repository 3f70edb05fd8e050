/*
 * writer.c: trees as bytes. Namespaces are written as default declarations where they change, which is what every
 * XMPP library expects to see. What must hold: reading what was written gives the same tree, so characters that a
 * parser would normalise away (a carriage return anywhere, tab and line feed in an attribute) go out as references.
 * Recursion goes as deep as the tree, which xml_limits bounds for those of strangers. Pure; any thread.
 */
#include "xml/writer.h"

#include <stdio.h>

#include "base/scan.h"

#define NS_STREAMS STR("http://etherx.jabber.org/streams")

enum { IN_TEXT = 1, IN_VALUE = 2 };

#define ESCAPES(X)                                                                                                     \
    X('&', "&amp;")                                                                                                    \
    X('<', "&lt;")                                                                                                     \
    X('>', "&gt;")                                                                                                     \
    X('\'', "&apos;")                                                                                                  \
    X('"', "&quot;")                                                                                                   \
    X('\r', "&#13;")                                                                                                   \
    X('\t', "&#9;")                                                                                                    \
    X('\n', "&#10;")

/* Where a byte cannot stand as it is. */
__extension__ static const unsigned char special[256] = {
    [0 ... 8] = IN_TEXT | IN_VALUE,   ['\t'] = IN_VALUE,          ['\n'] = IN_VALUE,
    [11 ... 31] = IN_TEXT | IN_VALUE, ['&'] = IN_TEXT | IN_VALUE, ['<'] = IN_TEXT | IN_VALUE,
    ['>'] = IN_TEXT | IN_VALUE,       ['\''] = IN_VALUE,          ['"'] = IN_VALUE,
};

#define REPLACEMENT STR("\xef\xbf\xbd") /* for what XML cannot hold */

static struct str escape_of(char c) {
    switch (c) {
#define ESCAPE_CASE(character, reference)                                                                              \
    case character:                                                                                                    \
        return STR(reference);
        ESCAPES(ESCAPE_CASE)
#undef ESCAPE_CASE
    default:
        return REPLACEMENT;
    }
}

enum { DENSE = 32, ESCAPE_MAX = 6 };

/* Some bytes one by one: where one has to be escaped others follow, if somebody wants to cost us time. */
static const char *escape_dense(struct buf *out, const char *at, const char *end, unsigned where) {
    char *to = buf_reserve(out, (size_t)DENSE * ESCAPE_MAX), *begin = to;
    if (end - at > DENSE) end = at + DENSE;
    for (; at < end; at++) {
        if (!(special[(unsigned char)*at] & where)) {
            *to++ = *at;
            continue;
        }
        struct str as = escape_of(*at);
        memcpy(to, as.p, as.len);
        to += as.len;
    }
    buf_commit(out, (size_t)(to - begin));
    return at;
}

static void escape(struct buf *out, struct str s, unsigned where) {
    if (s.len == 0) return;
    const char *from = s.p, *end = s.p + s.len;
    const char quote1 = where == IN_VALUE ? '\'' : '&', quote2 = where == IN_VALUE ? '"' : '&';
    for (const char *at = from; (at = scan_to(at, end, '&', '<', '>', quote1, quote2)) < end;) {
        if (!(special[(unsigned char)*at] & where)) {
            at++;
            continue;
        }
        buf_add(out, from, (size_t)(at - from));
        from = at = escape_dense(out, at, end, where);
    }
    buf_add(out, from, (size_t)(end - from));
}

void xml_escape(struct buf *out, struct str text) {
    escape(out, text, IN_TEXT);
}

void xml_escape_value(struct buf *out, struct str value) {
    escape(out, value, IN_VALUE);
}

/* " name='value'"; the name in two pieces. */
static void write_attr(struct buf *out, struct str prefix, struct str name, struct str value) {
    buf_add_char(out, ' ');
    buf_add_str(out, prefix);
    buf_add_str(out, name);
    BUF_ADD_LIT(out, "='");
    escape(out, value, IN_VALUE);
    buf_add_char(out, '\'');
}

static void write_attrs(struct buf *out, const struct xml_attr *a) {
    char made_up[16];
    for (unsigned count = 1; a; a = a->next) {
        struct str prefix = STR_NONE;
        if (str_eq(a->ns, XML_NS_XML)) {
            prefix = STR("xml:");
        } else if (a->ns.len) {
            int len = snprintf(made_up, sizeof made_up, "a%u:", count++);
            prefix = str_of(made_up, (size_t)len);
            write_attr(out, STR("xmlns:"), str_first(prefix, prefix.len - 1), a->ns);
        } else if (str_eq(a->name, STR("xmlns"))) {
            continue; /* the tree says it by ns; twice would not be well-formed */
        }
        write_attr(out, prefix, a->name, a->value);
    }
}

static void write_element(struct buf *out, const struct xml_node *n, struct str around_ns, struct str prefix,
                          bool declare_stream);

static void write_children(struct buf *out, const struct xml_node *n, struct str ns) {
    for (const struct xml_node *c = n->first; c; c = c->next) {
        if (xml_is_text(c))
            xml_escape(out, c->text);
        else
            write_element(out, c, ns, STR_NONE, false);
    }
}

static void write_element(struct buf *out, const struct xml_node *n, struct str around_ns, struct str prefix,
                          bool declare_stream) {
    if (str_eq(n->ns, XML_NS_XML)) prefix = STR("xml:"); /* may be no default namespace */
    buf_add_char(out, '<');
    buf_add_str(out, prefix);
    buf_add_str(out, n->name);
    struct str inner_ns = around_ns; /* the default namespace for the children */
    if (!prefix.p) {
        inner_ns = n->ns.p ? n->ns : STR("");
        if (!around_ns.p || !str_eq(around_ns, inner_ns)) write_attr(out, STR_NONE, STR("xmlns"), inner_ns);
    }
    if (declare_stream) write_attr(out, STR_NONE, STR("xmlns:stream"), NS_STREAMS);
    write_attrs(out, n->attrs);
    if (!n->first) {
        BUF_ADD_LIT(out, "/>");
        return;
    }
    buf_add_char(out, '>');
    write_children(out, n, inner_ns);
    BUF_ADD_LIT(out, "</");
    buf_add_str(out, prefix);
    buf_add_str(out, n->name);
    buf_add_char(out, '>');
}

void xml_write(struct buf *out, const struct xml_node *n, struct str around_ns, bool declare_stream) {
    bool prefixed = str_eq(n->ns, NS_STREAMS);
    write_element(out, n, around_ns, prefixed ? STR("stream:") : STR_NONE, declare_stream && prefixed);
}

struct str xml_string(struct arena *arena, const struct xml_node *n, struct str around_ns) {
    struct buf out = BUF_INIT;
    xml_write(&out, n, around_ns, false);
    struct str s = arena_dup(arena, buf_str(&out));
    buf_free(&out);
    return s;
}
