/*
 * parser.h: the XMPP subset of XML (RFC 6120 section 11): no DTD, processing instruction, comment or CDATA
 * section, only the five predefined entities and character references, UTF-8 only. In two steps, so that an idle
 * connection holds nothing but a few bytes:
 *
 *   framing  finds where a stream header, a top-level element or the end of the stream stops in bytes that
 *            arrive piecemeal, and looks at no byte twice;
 *   parsing  turns one complete element into a tree, and checks everything: well-formedness, characters,
 *            namespaces, limits.
 *
 * What framing lets through may still be refused by parsing. Where this differs from expat it is stricter;
 * tests/fuzz compares them.
 */
#ifndef CONFAB_XML_PARSER_H
#define CONFAB_XML_PARSER_H

#include <stdint.h>

#include "xml/node.h"

struct xml_limits {
    uint32_t bytes_max;    /* of one top-level element or stream header */
    uint16_t depth_max;    /* elements inside one another; 1: no children */
    uint16_t attrs_max;    /* of one element, namespace declarations included */
    uint32_t children_max; /* nodes and attributes of one tree */
};

enum xml_error {
    XML_OK,
    XML_NOT_WELL_FORMED, /* includes bad UTF-8, forbidden characters, unbound prefixes, repeated attributes */
    XML_RESTRICTED,      /* DTD, PI (but a leading XML declaration), comment, CDATA, other entities */
    XML_BAD_ENCODING,    /* the XML declaration names another encoding than UTF-8 */
    XML_TOO_BIG,         /* bytes_max */
    XML_TOO_COMPLEX,     /* depth_max, attrs_max, children_max */
};

/* --- framing --- */

/* Zeroed is the start of a stream. Belongs to one connection. 8 bytes. */
struct xml_framer {
    uint32_t scanned; /* bytes of the current frame that were looked at already */
    uint16_t depth;   /* inside the current top-level element */
    uint8_t state;    /* private */
    uint8_t in_stream;
};

enum xml_frame_kind {
    XML_FRAME_NONE,    /* no complete one yet: call again with more behind the same bytes */
    XML_FRAME_HEADER,  /* optional XML declaration and the opening tag of the stream */
    XML_FRAME_ELEMENT, /* one complete top-level element */
    XML_FRAME_END,     /* the closing tag of the stream */
    XML_FRAME_SPACE,   /* white space between elements (a keepalive) */
    XML_FRAME_BAD,     /* *out_error says why; the connection cannot go on */
};

/*
 * bytes: everything unread, beginning where the last frame ended (the caller drops out_len bytes after each frame but
 * NONE, or passes the rest). out_len: length of the frame.
 */
enum xml_frame_kind xml_frame(struct xml_framer *framer, struct str bytes, const struct xml_limits *limits,
                              size_t *out_len, enum xml_error *out_error);
/* A new stream begins on the same connection (after STARTTLS or SASL): the next frame is a header. */
void xml_framer_restart(struct xml_framer *framer);

/* --- parsing --- */

/* Namespaces in force around an element. `prefixes`: pairs name, URI. */
struct xml_scope {
    struct str default_ns;
    uint32_t prefix_count;
    const struct str (*prefixes)[2];
};

/*
 * One complete element, nothing before and behind it but white space. The tree borrows `bytes`; namespace declarations
 * are not in it as attributes. scope NULL: none in force. On an error *out stays untouched.
 */
enum xml_error xml_parse(struct arena *arena, struct str bytes, const struct xml_scope *scope,
                         const struct xml_limits *limits, struct xml_node **out);
/* What this server wrote itself, as an element: it was checked where it came in, so it has no limits here. NULL: it is none (a damaged store). Borrows `bytes`. */
struct xml_node *xml_parse_own(struct arena *arena, struct str bytes);
/*
 * A stream header as an element without children, and the scope it opens (in the arena; copy what must live longer).
 * Accepts the frame that XML_FRAME_HEADER names.
 */
enum xml_error xml_parse_header(struct arena *arena, struct str bytes, const struct xml_limits *limits,
                                struct xml_node **out, struct xml_scope *out_scope);
/* The same of any opening tag, inside a scope; *out_scope is what is in force behind it, and borrows from `scope`. For documents too large for a tree. */
enum xml_error xml_parse_tag(struct arena *arena, struct str bytes, const struct xml_scope *scope,
                             const struct xml_limits *limits, struct xml_node **out, struct xml_scope *out_scope);

#endif
