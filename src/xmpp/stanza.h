/* stanza.h: messages, presence and IQs as values: their kinds and types, and how they are answered. No I/O. */
#ifndef CONFAB_XMPP_STANZA_H
#define CONFAB_XMPP_STANZA_H

#include "xml/node.h"
#include "xmpp/jid.h"

enum stanza_kind { STANZA_MESSAGE, STANZA_PRESENCE, STANZA_IQ };
#define STANZA_KINDS 3

enum stanza_type {
    /* message; an unknown or absent type is NORMAL (RFC 6121, 5.2.2) */
    MESSAGE_NORMAL,
    MESSAGE_CHAT,
    MESSAGE_GROUPCHAT,
    MESSAGE_HEADLINE,
    MESSAGE_ERROR,
    /* presence; no type is AVAILABLE */
    PRESENCE_AVAILABLE,
    PRESENCE_UNAVAILABLE,
    PRESENCE_SUBSCRIBE,
    PRESENCE_SUBSCRIBED,
    PRESENCE_UNSUBSCRIBE,
    PRESENCE_UNSUBSCRIBED,
    PRESENCE_PROBE,
    PRESENCE_ERROR,
    IQ_GET,
    IQ_SET,
    IQ_RESULT,
    IQ_ERROR,
};

/* RFC 6120 8.3.3 with the type that each usually has. */
#define STANZA_ERROR_MAP(X)                                                                                            \
    X(BAD_REQUEST, "bad-request", "modify")                                                                            \
    X(CONFLICT, "conflict", "cancel")                                                                                  \
    X(FEATURE_NOT_IMPLEMENTED, "feature-not-implemented", "cancel")                                                    \
    X(FORBIDDEN, "forbidden", "auth")                                                                                  \
    X(GONE, "gone", "cancel")                                                                                          \
    X(INTERNAL_SERVER_ERROR, "internal-server-error", "wait")                                                          \
    X(ITEM_NOT_FOUND, "item-not-found", "cancel")                                                                      \
    X(JID_MALFORMED, "jid-malformed", "modify")                                                                        \
    X(NOT_ACCEPTABLE, "not-acceptable", "modify")                                                                      \
    X(NOT_ALLOWED, "not-allowed", "cancel")                                                                            \
    X(NOT_AUTHORIZED, "not-authorized", "auth")                                                                        \
    X(POLICY_VIOLATION, "policy-violation", "modify")                                                                  \
    X(RECIPIENT_UNAVAILABLE, "recipient-unavailable", "wait")                                                          \
    X(REDIRECT, "redirect", "modify")                                                                                  \
    X(REGISTRATION_REQUIRED, "registration-required", "auth")                                                          \
    X(REMOTE_SERVER_NOT_FOUND, "remote-server-not-found", "cancel")                                                    \
    X(REMOTE_SERVER_TIMEOUT, "remote-server-timeout", "wait")                                                          \
    X(RESOURCE_CONSTRAINT, "resource-constraint", "wait")                                                              \
    X(SERVICE_UNAVAILABLE, "service-unavailable", "cancel")                                                            \
    X(SUBSCRIPTION_REQUIRED, "subscription-required", "auth")                                                          \
    X(UNDEFINED_CONDITION, "undefined-condition", "cancel")                                                            \
    X(UNEXPECTED_REQUEST, "unexpected-request", "wait")

enum stanza_error {
    STANZA_ERR_NONE,
#define STANZA_ENUM_(name, text, type) STANZA_ERR_##name,
    STANZA_ERROR_MAP(STANZA_ENUM_)
#undef STANZA_ENUM_
};

struct str stanza_error_name(enum stanza_error error); /* "bad-request" */
struct str stanza_error_type(enum stanza_error error); /* "modify" */

struct stanza {
    enum stanza_kind kind;
    enum stanza_type type;
    struct jid from, to;            /* JID_NONE when absent */
    struct str id;                  /* STR_NONE when absent */
    const struct xml_node *el;      /* the whole */
    const struct xml_node *payload; /* an IQ's one child element (get, set; or result's first); NULL otherwise */
};

/* Whether an element of namespace jabber:client is a stanza at all; false: unsupported-stanza-type or such. */
bool stanza_kind_of(const struct xml_node *el, enum stanza_kind *out);
/*
 * Reads kind, type, addresses, id. What is wrong with it comes as a stanza error (JID_MALFORMED, BAD_REQUEST: an IQ
 * without id, with a wrong type, or a get/set without exactly one child), while *out is filled as far as it could be,
 * so that the error can be addressed; a type that is none is read as one that may be answered. STANZA_ERR_NONE: all is
 * well. For what stanza_kind_of accepts (CHECKed).
 */
enum stanza_error stanza_read(struct arena *arena, const struct xml_node *el, struct stanza *out);

struct str stanza_type_name(enum stanza_type type); /* value of the attribute; STR_NONE where there is none */
/* type is error or result: what must never be answered. */
bool stanza_is_answer(const struct stanza *s);

/* The error that answers `s` (from and to exchanged, id kept); text may be STR_NONE. Not for an answer (CHECKed). */
struct xml_node *stanza_error_reply(struct arena *arena, const struct stanza *s, enum stanza_error error,
                                    struct str text);
/* <iq type='result'> with from/to exchanged; append the payload to it. */
struct xml_node *iq_result(struct arena *arena, const struct stanza *s);
/* `el` with other addresses: a shallow copy. An absent address removes the attribute. */
struct xml_node *stanza_readdress(struct arena *arena, const struct xml_node *el, struct jid from, struct jid to);

/* Stream errors (RFC 6120 4.9.3), names only: "not-well-formed"... */
#define STREAM_ERROR_MAP(X)                                                                                            \
    X(BAD_FORMAT, "bad-format")                                                                                        \
    X(BAD_NAMESPACE_PREFIX, "bad-namespace-prefix")                                                                    \
    X(CONFLICT, "conflict")                                                                                            \
    X(CONNECTION_TIMEOUT, "connection-timeout")                                                                        \
    X(HOST_GONE, "host-gone")                                                                                          \
    X(HOST_UNKNOWN, "host-unknown")                                                                                    \
    X(IMPROPER_ADDRESSING, "improper-addressing")                                                                      \
    X(INTERNAL_SERVER_ERROR, "internal-server-error")                                                                  \
    X(INVALID_FROM, "invalid-from")                                                                                    \
    X(INVALID_NAMESPACE, "invalid-namespace")                                                                          \
    X(INVALID_XML, "invalid-xml")                                                                                      \
    X(NOT_AUTHORIZED, "not-authorized")                                                                                \
    X(NOT_WELL_FORMED, "not-well-formed")                                                                              \
    X(POLICY_VIOLATION, "policy-violation")                                                                            \
    X(REMOTE_CONNECTION_FAILED, "remote-connection-failed")                                                            \
    X(RESET, "reset")                                                                                                  \
    X(RESOURCE_CONSTRAINT, "resource-constraint")                                                                      \
    X(RESTRICTED_XML, "restricted-xml")                                                                                \
    X(SEE_OTHER_HOST, "see-other-host")                                                                                \
    X(SYSTEM_SHUTDOWN, "system-shutdown")                                                                              \
    X(UNDEFINED_CONDITION, "undefined-condition")                                                                      \
    X(UNSUPPORTED_ENCODING, "unsupported-encoding")                                                                    \
    X(UNSUPPORTED_FEATURE, "unsupported-feature")                                                                      \
    X(UNSUPPORTED_STANZA_TYPE, "unsupported-stanza-type")                                                              \
    X(UNSUPPORTED_VERSION, "unsupported-version")

enum stream_error {
    STREAM_ERR_NONE, /* an orderly end */
#define STREAM_ENUM_(name, text) STREAM_ERR_##name,
    STREAM_ERROR_MAP(STREAM_ENUM_)
#undef STREAM_ENUM_
};

struct str stream_error_name(enum stream_error error);
/* <stream:error> with the condition and, if some, the text. */
struct xml_node *stream_error_node(struct arena *arena, enum stream_error error, struct str text);

#endif
