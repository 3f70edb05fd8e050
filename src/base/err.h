/*
 * err.h: what the world can do to us. Functions that can fail return 0 or one of these negative values;
 * bugs do not come here (check.h), and what a peer did wrong is a value of the protocol (xmpp/stanza.h).
 */
#ifndef CONFAB_BASE_ERR_H
#define CONFAB_BASE_ERR_H

#define ERR_MAP(X)                                                                                                     \
    X(AGAIN, "not now: more input or room is needed")                                                                  \
    X(INVALID, "malformed input")                                                                                      \
    X(LIMIT, "over a limit")                                                                                           \
    X(NOT_FOUND, "no such thing")                                                                                      \
    X(EXISTS, "is there already")                                                                                      \
    X(DENIED, "not allowed")                                                                                           \
    X(CLOSED, "the other side has closed")                                                                             \
    X(IO, "input or output failed")                                                                                    \
    X(TLS, "the TLS layer failed")                                                                                     \
    X(FULL, "disk or quota is full")                                                                                   \
    X(STORE, "the database failed")                                                                                    \
    X(CONFIG, "the configuration is wrong")                                                                            \
    X(UNSUPPORTED, "this build or kind cannot")

enum err {
    ERR_BASE_ = -100,
#define ERR_ENUM_(name, text) ERR_##name,
    ERR_MAP(ERR_ENUM_)
#undef ERR_ENUM_
};

/* "OK" for 0; a constant sentence; never NULL. */
const char *err_text(int err);
/* The bare name, "NOT_FOUND", for logs. */
const char *err_name(int err);

#endif
