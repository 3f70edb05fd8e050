/*
 * writer.h: trees as bytes. What it writes is well-formed by construction, if the strings are UTF-8; no prefix is
 * used but xml: and, where asked, stream:.
 */
#ifndef CONFAB_XML_WRITER_H
#define CONFAB_XML_WRITER_H

#include "base/buf.h"
#include "xml/node.h"

/*
 * The element; xmlns is written where its namespace differs from that of what is around it (STR_NONE: always at the
 * top). A top element of the namespace http://etherx.jabber.org/streams is written with the prefix `stream`, declared
 * there if `declare_stream` (RFC 7395 framing); further inside that namespace is like any other, because a stranger may
 * have put it there. Attributes of other namespaces than XML's get a made-up prefix.
 */
void xml_write(struct buf *out, const struct xml_node *n, struct str around_ns, bool declare_stream);
/* Into the arena. */
struct str xml_string(struct arena *arena, const struct xml_node *n, struct str around_ns);
/* Text with & < > and carriage returns escaped; characters that XML cannot hold become U+FFFD. */
void xml_escape(struct buf *out, struct str text);
/* The value of an attribute, in whichever quotes: those are escaped too, and white space but the blank. */
void xml_escape_value(struct buf *out, struct str value);

#endif
