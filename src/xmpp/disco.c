/*
 * disco.c: section 5.1 of XEP-0115 as it stands: identities, features and forms, each sorted by bytes and ended by '<'. What holds a '<' itself could be
 * read in two ways, so it has no string. Pure; any thread.
 */
#include "xmpp/disco.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"

struct list {
    struct arena *arena;
    struct str *items;
    size_t count, cap;
};

static void list_add(struct list *l, struct str s) {
    if (l->count == l->cap) {
        struct str *old = l->items;
        l->cap = l->cap ? l->cap * 2 : 32;
        l->items = arena_alloc(l->arena, l->cap * sizeof *l->items);
        if (l->count) memcpy(l->items, old, l->count * sizeof *old);
    }
    l->items[l->count++] = s;
}

static int by_bytes(const void *a, const void *b) {
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* True: one of them is there twice. */
static bool list_sort(struct list *l) {
    if (l->count) qsort(l->items, l->count, sizeof *l->items, by_bytes);
    for (size_t i = 1; i < l->count; i++)
        if (str_eq(l->items[i - 1], l->items[i])) return true;
    return false;
}

static struct str list_join(const struct list *l) {
    struct buf all = BUF_INIT;
    for (size_t i = 0; i < l->count; i++) {
        buf_add_str(&all, l->items[i]);
        buf_add_char(&all, '<');
    }
    struct str joined = arena_dup(l->arena, buf_str(&all));
    buf_free(&all);
    return joined;
}

static bool is_plain(struct str s) {
    return str_index(s, '<') == s.len;
}

static bool add_identities(struct list *out, const struct xml_node *query) {
    struct str slash = STR("/");
    for (const struct xml_node *i = xml_child(query, NS_DISCO_INFO, STR("identity")); i; i = xml_again(i)) {
        struct str lang = xml_attr_ns(i, XML_NS_XML, STR("lang"));
        struct str one = ARENA_CONCAT(out->arena, xml_attr(i, STR("category")), slash, xml_attr(i, STR("type")), slash,
                                      lang, slash, xml_attr(i, STR("name")));
        if (!is_plain(one)) return false;
        list_add(out, one);
    }
    return !list_sort(out);
}

static bool add_features(struct list *out, const struct xml_node *query) {
    for (const struct xml_node *f = xml_child(query, NS_DISCO_INFO, STR("feature")); f; f = xml_again(f)) {
        if (!is_plain(xml_attr(f, STR("var")))) return false;
        list_add(out, xml_attr(f, STR("var")));
    }
    return !list_sort(out);
}

static bool field_join(struct arena *arena, const struct xml_node *field, struct str *out) {
    struct list values = {.arena = arena};
    for (const struct xml_node *v = xml_child(field, NS_DATA, STR("value")); v; v = xml_again(v)) {
        if (!is_plain(xml_text(arena, v))) return false;
        list_add(&values, xml_text(arena, v));
    }
    list_sort(&values);
    *out = ARENA_CONCAT(arena, xml_attr(field, STR("var")), STR("<"), list_join(&values));
    return is_plain(xml_attr(field, STR("var")));
}

/* FORM_TYPE stands first, then the fields. */
static bool form_join(struct arena *arena, const struct xml_node *form, struct str *out) {
    struct list parts = {.arena = arena};
    struct str type = form_type(arena, form);
    for (const struct xml_node *f = xml_child(form, NS_DATA, STR("field")); f; f = xml_again(f)) {
        struct str one;
        if (str_eq(xml_attr(f, STR("var")), STR("FORM_TYPE"))) continue;
        if (!field_join(arena, f, &one)) return false;
        list_add(&parts, one);
    }
    if (list_sort(&parts) || !is_plain(type)) return false;
    struct str all = ARENA_CONCAT(arena, type, STR("<"));
    for (size_t i = 0; i < parts.count; i++) all = ARENA_CONCAT(arena, all, parts.items[i]);
    *out = all;
    return true;
}

/* The forms that count: those with a hidden FORM_TYPE. */
static bool add_forms(struct list *out, struct list *types, const struct xml_node *query) {
    for (const struct xml_node *x = xml_child(query, NS_DATA, STR("x")); x; x = xml_again(x)) {
        const struct xml_node *type = form_field(x, STR("FORM_TYPE"));
        struct str one;
        if (!type || !str_eq(xml_attr(type, STR("type")), STR("hidden"))) continue;
        if (!form_join(out->arena, x, &one)) return false;
        list_add(types, form_type(out->arena, x));
        list_add(out, one);
    }
    return !list_sort(types) && !list_sort(out);
}

int disco_verification(struct arena *arena, const struct xml_node *query, enum hash hash, struct str *out) {
    struct list identities = {.arena = arena}, features = identities, forms = identities, types = identities;
    if (!add_identities(&identities, query) || !add_features(&features, query) || !add_forms(&forms, &types, query))
        return ERR_INVALID;
    struct str all = ARENA_CONCAT(arena, list_join(&identities), list_join(&features));
    for (size_t i = 0; i < forms.count; i++) all = ARENA_CONCAT(arena, all, forms.items[i]);
    uint8_t digest[HASH_LEN_MAX];
    hash_bytes(hash, all, digest);
    *out = base64_encode(arena, str_of(digest, hash_len(hash)));
    return 0;
}

struct str disco_notify(struct arena *arena, const struct xml_node *query) {
    struct buf all = BUF_INIT;
    for (const struct xml_node *f = xml_child(query, NS_DISCO_INFO, STR("feature")); f; f = xml_again(f)) {
        struct str var = xml_attr(f, STR("var"));
        if (!str_ends(var, STR("+notify")) || str_index(var, '\n') < var.len) continue;
        buf_add_str(&all, str_first(var, var.len - 7));
        buf_add_char(&all, '\n');
    }
    struct str notify = arena_dup(arena, buf_str(&all));
    buf_free(&all);
    return notify;
}
