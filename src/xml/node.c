/*
 * node.c: reading and building small trees. Lists are short (a stanza has a handful of children), so everything is a
 * walk along next pointers. Nodes never know their parent: a child may be shared between an original and shallow
 * copies of it, which is also why nothing here changes a node that it did not make, except the one it was given to
 * change. Pure; any thread.
 */
#include "xml/node.h"

bool xml_is(const struct xml_node *n, struct str ns, struct str name) {
    return n && !xml_is_text(n) && str_eq(n->name, name) && str_eq(n->ns, ns);
}

static struct xml_node *find_element(struct xml_node *at, struct str ns, struct str name) {
    for (; at; at = at->next) {
        if (!xml_is_text(at) && (!name.p || str_eq(at->name, name)) && str_eq(at->ns, ns)) return at;
    }
    return NULL;
}

struct xml_node *xml_child(const struct xml_node *n, struct str ns, struct str name) {
    return n ? find_element(n->first, ns, name) : NULL;
}

struct xml_node *xml_again(const struct xml_node *n) {
    return find_element(n->next, n->ns, n->name);
}

static struct xml_node *skip_text(struct xml_node *at) {
    while (at && xml_is_text(at)) at = at->next;
    return at;
}

struct xml_node *xml_first_element(const struct xml_node *n) {
    return n ? skip_text(n->first) : NULL;
}

struct xml_node *xml_next_element(const struct xml_node *n) {
    return skip_text(n->next);
}

struct str xml_attr_ns(const struct xml_node *n, struct str ns, struct str name) {
    for (const struct xml_attr *a = n->attrs; a; a = a->next) {
        if (str_eq(a->name, name) && str_eq(a->ns, ns)) return a->value;
    }
    return STR_NONE;
}

struct str xml_attr(const struct xml_node *n, struct str name) {
    return xml_attr_ns(n, STR_NONE, name);
}

struct str xml_text(struct arena *arena, const struct xml_node *n) {
    size_t pieces = 0, len = 0;
    struct str only = STR("");
    for (const struct xml_node *c = n->first; c; c = c->next) {
        if (!xml_is_text(c)) continue;
        only = c->text;
        len += c->text.len;
        pieces++;
    }
    if (pieces <= 1) return only;
    char *p = arena_alloc(arena, len + 1), *at = p;
    for (const struct xml_node *c = n->first; c; c = c->next) {
        if (!xml_is_text(c) || c->text.len == 0) continue;
        memcpy(at, c->text.p, c->text.len);
        at += c->text.len;
    }
    *at = '\0';
    return (struct str){p, len};
}

struct str xml_child_text(struct arena *arena, const struct xml_node *n, struct str ns, struct str name) {
    const struct xml_node *child = xml_child(n, ns, name);
    return child ? xml_text(arena, child) : STR_NONE;
}

/* --- building --- */

struct xml_node *xml_new(struct arena *arena, struct str ns, struct str name) {
    struct xml_node *n = ARENA_NEW(arena, struct xml_node);
    n->ns = ns;
    n->name = name;
    return n;
}

void xml_append(struct xml_node *parent, struct xml_node *child) {
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

struct xml_node *xml_add(struct arena *arena, struct xml_node *parent, struct str ns, struct str name) {
    struct xml_node *child = xml_new(arena, ns.p ? ns : parent->ns, name);
    xml_append(parent, child);
    return child;
}

void xml_add_text(struct arena *arena, struct xml_node *parent, struct str text) {
    if (text.len == 0) return;
    struct xml_node *child = xml_new(arena, STR_NONE, STR_NONE);
    child->text = text;
    xml_append(parent, child);
}

struct xml_node *xml_set_ns(struct arena *arena, struct xml_node *n, struct str ns, struct str name, struct str value) {
    struct xml_attr **at = &n->attrs;
    while (*at && !(str_eq((*at)->name, name) && str_eq((*at)->ns, ns))) at = &(*at)->next;
    if (!value.p) {
        if (*at) *at = (*at)->next;
        return n;
    }
    if (!*at) {
        *at = ARENA_NEW(arena, struct xml_attr);
        (*at)->name = name;
        (*at)->ns = ns;
    }
    (*at)->value = value;
    return n;
}

struct xml_node *xml_set(struct arena *arena, struct xml_node *n, struct str name, struct str value) {
    return xml_set_ns(arena, n, STR_NONE, name, value);
}

/* --- copies --- */

/* The node alone with its attribute list; `dup` NULL: strings stay borrowed. */
static struct xml_node *copy_top(struct arena *arena, const struct xml_node *n,
                                 struct str (*dup)(struct arena *, struct str)) {
    struct xml_node *copy = ARENA_NEW(arena, struct xml_node);
    *copy = (struct xml_node){.name = n->name, .ns = n->ns, .text = n->text};
    if (dup) {
        copy->name = dup(arena, n->name);
        copy->ns = dup(arena, n->ns);
        copy->text = dup(arena, n->text);
    }
    struct xml_attr **tail = &copy->attrs;
    for (const struct xml_attr *a = n->attrs; a; a = a->next, tail = &(*tail)->next) {
        *tail = ARENA_NEW(arena, struct xml_attr);
        **tail = dup ? (struct xml_attr){dup(arena, a->name), dup(arena, a->ns), dup(arena, a->value), NULL} : *a;
        (*tail)->next = NULL;
    }
    return copy;
}

struct xml_node *xml_copy_shallow(struct arena *arena, const struct xml_node *n) {
    struct xml_node *copy = copy_top(arena, n, NULL);
    for (const struct xml_node *c = n->first; c; c = c->next) {
        struct xml_node *link = ARENA_NEW(arena, struct xml_node);
        *link = *c;
        xml_append(copy, link);
    }
    return copy;
}

/* An absent string stays absent: a node without a name is text. */
static struct str dup_or_none(struct arena *arena, struct str s) {
    return s.p ? arena_dup(arena, s) : s;
}

/* As deep as the tree: xml_limits bounds those of strangers. */
struct xml_node *xml_copy_deep(struct arena *arena, const struct xml_node *n) {
    struct xml_node *copy = copy_top(arena, n, dup_or_none);
    for (const struct xml_node *c = n->first; c; c = c->next) xml_append(copy, xml_copy_deep(arena, c));
    return copy;
}

void xml_remove_children(struct xml_node *n, bool (*match)(const struct xml_node *child, const void *arg),
                         const void *arg) {
    struct xml_node *at = n->first;
    n->first = n->last = NULL;
    while (at) {
        struct xml_node *next = at->next;
        if (!match(at, arg)) xml_append(n, at);
        at = next;
    }
}
