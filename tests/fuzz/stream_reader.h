/*
 * stream_reader.h: the client's end of a stream for fuzz_stream.c: reads what the server writes, with expat, and aborts when it is not what a server may
 * write: not well-formed, something behind the end or behind a stream error, something for who has not signed in.
 */
#ifndef CONFAB_TESTS_FUZZ_STREAM_READER_H
#define CONFAB_TESTS_FUZZ_STREAM_READER_H

#include <expat.h>

#include "base/buf.h"
#include "fuzz.h"

enum reader_framing { READER_TCP, READER_WEBSOCKET, READER_HTTP /* until a 101; then WebSocket */ };

/* Zeroed, then reader_open; one connection. */
struct reader {
    XML_Parser parser;
    enum reader_framing framing;
    const struct buf
        *sent; /* all that clients have written, on any connection; NULL: it is masked, and nothing is counted */
    unsigned depth;
    bool known;            /* signed in */
    bool deaf;             /* what comes is not XMPP: TLS, other HTTP */
    bool restartable;      /* another stream may begin */
    bool ended, failed;    /* the stream; by an error */
    bool closed;           /* a WebSocket's close frame has come */
    bool in_stanza;        /* the element on top is one */
    bool may_fail;         /* the input names internal-server-error itself */
    struct buf held;       /* not yet looked at */
    struct buf answers;    /* ids of IQ results and errors by the server itself: id NUL id NUL ... */
    unsigned answer_count; /* of those */
    struct buf challenge;  /* SASL: base64; is_challenged: it waits for its response */
    bool in_challenge, is_challenged;
    char previd[64]; /* XEP-0198; empty: not enabled */
    uint32_t got;    /* stanzas since */
};

/* adopted: signed in elsewhere; the stream has been opened there. */
void reader_open(struct reader *r, enum reader_framing framing, bool adopted, const struct buf *sent);
void reader_take(struct reader *r, struct str bytes);
/* The connection has gone: no IQ had more than one answer. Frees what it holds, but for previd and got. */
void reader_close(struct reader *r);

#endif
