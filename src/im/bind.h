/* bind.h: giving a stream its session: Bind 2 (XEP-0386) within SASL2, and the bind request of RFC 6120. */
#ifndef CONFAB_IM_BIND_H
#define CONFAB_IM_BIND_H

#include "im/stream.h"

/* <bound/> for the success; NULL: the stream was ended. `request` is the whole <authenticate/>. */
struct xml_node *bind2(struct turn *turn, struct stream *stream, const struct xml_node *request,
                       const struct xml_node *bind);
/* True when the element was a bind (or session) request and is answered. */
bool bind_iq(struct turn *turn, struct stream *stream, const struct xml_node *el);

#endif
