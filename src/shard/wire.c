/*
 * wire.c: a stanza serialised once for many readers. The hole for `to` is right behind the name of the element, because
 * that is the one place that exists in every start tag and is found without parsing it.
 *
 * Written by one thread before anybody else sees it, immutable then; any thread reads, references and drops it.
 */
#include "shard/wire.h"

#include <stdlib.h>

#include "base/check.h"
#include "xml/writer.h"

#define TO_OPEN STR(" to='")
#define TO_CLOSE STR("'")

static bool attr_is_to(const struct xml_attr *a) {
    return a->ns.p == NULL && str_eq(a->name, STR("to"));
}

/* The attributes without `to`: those before it are copied (into *out_copies, to be freed), those behind it shared. */
static struct xml_attr *attrs_without_to(struct xml_attr *attrs, struct xml_attr **out_copies) {
    size_t before = 0;
    struct xml_attr *to = attrs;
    for (; to && !attr_is_to(to); to = to->next) before++;
    *out_copies = NULL;
    if (!to) return attrs;
    if (before == 0) return to->next;
    struct xml_attr *copies = calloc(before, sizeof *copies);
    CHECK(copies);
    struct xml_attr *from = attrs;
    for (size_t i = 0; i < before; i++, from = from->next) {
        copies[i] = *from;
        copies[i].next = i + 1 < before ? &copies[i + 1] : to->next;
    }
    *out_copies = copies;
    return copies;
}

static size_t name_end(struct str tag) {
    size_t at = 1;
    while (at < tag.len && !strchr(" />", tag.p[at])) at++;
    return at;
}

static char *put(char *at, struct str s) {
    if (s.len) memcpy(at, s.p, s.len);
    return at + s.len;
}

struct wire *wire_from(const struct xml_node *el) {
    struct xml_attr *copies;
    struct xml_node top = *el;
    top.attrs = attrs_without_to(el->attrs, &copies);
    top.next = NULL;
    struct buf text = BUF_INIT;
    xml_write(&text, &top, STR_NONE, false);
    free(copies);

    struct str bytes = buf_str(&text);
    struct wire *w = malloc(sizeof *w + bytes.len);
    CHECK(w && bytes.len <= UINT32_MAX);
    atomic_init(&w->refs, 1);
    w->len = (uint32_t)bytes.len;
    w->hole = (uint32_t)name_end(bytes);
    memcpy(w->bytes, bytes.p, bytes.len);
    buf_free(&text);
    return w;
}

struct wire *wire_with_child(const struct wire *w, struct str child) {
    struct str bytes = str_of(w->bytes, w->len), name = str_of(w->bytes + 1, w->hole - 1);
    bool was_empty = str_ends(bytes, STR("/>")); /* what has children ends with </name> */
    size_t head = was_empty ? bytes.len - 2 : bytes.len - (name.len + 3);
    struct str open = was_empty ? STR(">") : STR("");
    struct wire *more = malloc(sizeof *more + head + open.len + child.len + name.len + 3);
    CHECK(more);
    atomic_init(&more->refs, 1);
    more->hole = w->hole;
    char *at = put(more->bytes, str_first(bytes, head));
    at = put(put(put(put(put(at, open), child), STR("</")), name), STR(">"));
    more->len = (uint32_t)(at - more->bytes);
    return more;
}

struct wire *wire_ref(struct wire *w) {
    atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed);
    return w;
}

void wire_unref(struct wire **w) {
    struct wire *dropped = *w;
    *w = NULL;
    /* Release what this thread read of it; acquire what all others did before the memory goes. */
    if (dropped && atomic_fetch_sub_explicit(&dropped->refs, 1, memory_order_acq_rel) == 1) free(dropped);
}

void wire_write(const struct wire *w, struct str to, struct buf *out) {
    if (!to.p) {
        buf_add(out, w->bytes, w->len);
        return;
    }
    buf_reserve(out, w->len + TO_OPEN.len + to.len + TO_CLOSE.len);
    buf_add(out, w->bytes, w->hole);
    buf_add_str(out, TO_OPEN);
    xml_escape_value(out, to);
    buf_add_str(out, TO_CLOSE);
    buf_add(out, w->bytes + w->hole, w->len - w->hole);
}

static bool char_is_plain(char c) {
    return (unsigned char)c >= ' ' && !strchr("&<>'\"", c);
}

static size_t escaped_len(struct str s) {
    size_t plain = 0;
    while (plain < s.len && char_is_plain(s.p[plain])) plain++;
    if (plain == s.len) return s.len;
    struct buf text = BUF_INIT;
    xml_escape_value(&text, s);
    size_t len = buf_len(&text);
    buf_free(&text);
    return len;
}

size_t wire_size(const struct wire *w, struct str to) {
    return w->len + (to.p ? TO_OPEN.len + escaped_len(to) + TO_CLOSE.len : 0);
}
