/*
 * node.h: an element as a small tree in an arena. Nodes borrow the bytes they were parsed from where they can;
 * all of a tree dies with its arena (or with those bytes). Trees that came from a peer are const: who wants to
 * change one copies the top with xml_copy_shallow and adds to the copy.
 */
#ifndef CONFAB_XML_NODE_H
#define CONFAB_XML_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct xml_attr {
    struct str name;  /* local name */
    struct str ns;    /* STR_NONE for an attribute without prefix; the XML namespace's URI for xml:lang */
    struct str value; /* entities resolved */
    struct xml_attr *next;
};

struct xml_node {
    struct str name; /* local name; STR_NONE: this is text */
    struct str ns;   /* empty: no namespace */
    struct str text; /* of a text node, entities resolved */
    struct xml_attr *attrs;
    struct xml_node *first, *last; /* children */
    struct xml_node *next;         /* sibling */
};

#define XML_NS_XML STR("http://www.w3.org/XML/1998/namespace")

static inline bool xml_is_text(const struct xml_node *n) {
    return n->name.p == NULL;
}
/* Element of that name and namespace. NULL is none. */
bool xml_is(const struct xml_node *n, struct str ns, struct str name);
/* First child element with that name and namespace; a name of STR_NONE means any. NULL when there is none. */
struct xml_node *xml_child(const struct xml_node *n, struct str ns, struct str name);
/* The next sibling with the same name and namespace as this. */
struct xml_node *xml_again(const struct xml_node *n);
/* First child element of any name. */
struct xml_node *xml_first_element(const struct xml_node *n);
struct xml_node *xml_next_element(const struct xml_node *n);
/* Value of an attribute without namespace; STR_NONE when absent. */
struct str xml_attr(const struct xml_node *n, struct str name);
struct str xml_attr_ns(const struct xml_node *n, struct str ns, struct str name);
/* All text directly inside, joined (in the arena only when there are several pieces); empty string when none. */
struct str xml_text(struct arena *arena, const struct xml_node *n);
/* The text of a child, STR_NONE when there is no such child. */
struct str xml_child_text(struct arena *arena, const struct xml_node *n, struct str ns, struct str name);

/* --- building (all strings are borrowed) --- */
struct xml_node *xml_new(struct arena *arena, struct str ns, struct str name);
/* Appends a new child element; ns STR_NONE: the parent's. Returns the child. */
struct xml_node *xml_add(struct arena *arena, struct xml_node *parent, struct str ns, struct str name);
/* Appends an element made elsewhere (its next pointer is taken). */
void xml_append(struct xml_node *parent, struct xml_node *child);
void xml_add_text(struct arena *arena, struct xml_node *parent, struct str text);
/* Adds or replaces; an absent value (STR_NONE) removes. Returns n. */
struct xml_node *xml_set(struct arena *arena, struct xml_node *n, struct str name, struct str value);
struct xml_node *xml_set_ns(struct arena *arena, struct xml_node *n, struct str ns, struct str name, struct str value);
/* New top node with a copy of the attribute list and of the chain of direct children (their insides are shared). */
struct xml_node *xml_copy_shallow(struct arena *arena, const struct xml_node *n);
/* Everything, strings too: independent of the bytes and arena that it came from. */
struct xml_node *xml_copy_deep(struct arena *arena, const struct xml_node *n);
/* Removes direct children for which `match` is true; n must be one's own (new or a shallow copy). */
void xml_remove_children(struct xml_node *n, bool (*match)(const struct xml_node *child, const void *arg),
                         const void *arg);

#endif
