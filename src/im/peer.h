/*
 * peer.h: what a session knows of its connection: five calls that could be messages. The connection may be a socket on this
 * very shard (front/c2s.c) or a relay to one that stayed at its gate, on this node or another (front/relay.c). The owner of a
 * peer gets events; after `lost`, or after close, it frees the peer and hears nothing more.
 */
#ifndef CONFAB_IM_PEER_H
#define CONFAB_IM_PEER_H

#include <stdbool.h>

#include "net/conn.h"
#include "shard/shard.h"
#include "xml/parser.h"
#include "xmpp/stanza.h"

struct peer;

struct peer_events {
    /* The opening of a stream: <stream:stream/> or <open/>; default_ns: what it declared for its content. */
    void (*header)(struct turn *turn, void *owner, const struct xml_node *header, struct str default_ns);
    /* One top-level element; `len` its bytes on the wire. */
    void (*element)(struct turn *turn, void *owner, struct xml_node *el, size_t len);
    /* The other side closed the stream in order. */
    void (*end)(struct turn *turn, void *owner);
    /* What came is not XMPP; the owner ends the stream with a fitting error. */
    void (*bad)(struct turn *turn, void *owner, enum xml_error error);
    /* All that was written has left (after ask_drain). */
    void (*drained)(struct turn *turn, void *owner);
    /* TLS is up (gates only). */
    void (*secure)(struct turn *turn, void *owner);
    /* The connection is gone without a word. err as in conn_ops.on_closed. The peer must be freed. */
    void (*lost)(struct turn *turn, void *owner, int err);
};

struct peer_facts {
    struct net_address address;
    bool tls, websocket;
    const char *tls_version; /* NULL without */
    int64_t heard_ms;        /* when bytes last came, of this thread's clock */
};

struct peer_ops {
    /* One top-level element, complete with its namespaces. */
    void (*write)(struct peer *peer, struct str element);
    void (*pause)(struct peer *peer);
    void (*resume)(struct peer *peer);
    /* Ends it: the error's element if any, the end of the stream, then the connection. The peer frees itself; no more events. */
    void (*close)(struct peer *peer, enum stream_error error, struct str text);
    void (*facts)(const struct peer *peer, struct peer_facts *out);
    /* Is so much unsent that large answers should wait? and: tell `drained` when it has left. */
    bool (*is_full)(const struct peer *peer);
    void (*ask_drain)(struct peer *peer);
    /* Is anything on the way that the other side's system has not acknowledged? True also when that is not known. */
    bool (*is_sending)(const struct peer *peer);
    /* Hand-over: events come to this owner, on this place. Called once, on the new home. */
    void (*attach)(struct peer *peer, struct turn *turn, const struct peer_events *events, void *owner);
    /* The reply to a stream header: opens our side of the stream. */
    void (*open)(struct peer *peer, struct str id, struct str lang);
    /* The next thing is a stream header again (after SASL of RFC 6120). */
    void (*restart)(struct peer *peer);
    /* Asks the other side for a sign of life in the transport, if it has one (WebSocket ping); false: it has none. */
    bool (*ping)(struct peer *peer);
    /* At once, without a word: for a peer whose owner is gone or that nobody wants (any place). */
    void (*drop)(struct peer *peer);
};

struct peer {
    const struct peer_ops *ops;
};

#endif
