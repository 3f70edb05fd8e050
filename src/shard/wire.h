/*
 * wire.h: one serialised stanza that many sessions share: immutable, reference-counted bytes that always name their xmlns (so
 * that TCP and WebSocket can both send them) with a hole where ` to='...'` goes. The only counted thing that crosses threads.
 */
#ifndef CONFAB_SHARD_WIRE_H
#define CONFAB_SHARD_WIRE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "xml/node.h"

struct wire {
    atomic_uint refs;
    uint32_t len;
    uint32_t hole; /* offset at which the attribute is put in */
    char bytes[];
};

/* Serialises; an existing `to` of the top element is left out (it goes into the hole). One reference is the caller's. */
struct wire *wire_from(const struct xml_node *el);
/* The same with one more child at its end, given as bytes that need no namespace from around. One reference is the caller's. */
struct wire *wire_with_child(const struct wire *w, struct str child);
struct wire *wire_ref(struct wire *w);
void wire_unref(struct wire **w); /* any thread; idempotent on NULL */
/* Appends it as sent to `to` (STR_NONE: without the attribute). */
void wire_write(const struct wire *w, struct str to, struct buf *out);
size_t wire_size(const struct wire *w, struct str to);

#endif
