/* iq.h: one way to answer a request, and requests of our own to clients, whose answers are checked. */
#ifndef CONFAB_IM_IQ_H
#define CONFAB_IM_IQ_H

#include "im/hook.h"

/* The result with an optional payload (NULL: empty). */
void iq_answer(struct walk *walk, struct xml_node *payload);
/* The empty result, for who sends it with a payload that is no tree. */
struct xml_node *iq_result_of(struct walk *walk);
void iq_refuse(struct walk *walk, enum stanza_error error, struct str text);

/*
 * A request that will be answered in a later turn: what is needed for it, copied. Answer exactly once with iq_later_answer or
 * iq_later_refuse; both free it. If the requester is a session that has gone meanwhile nothing is sent.
 */
struct iq_later;
struct iq_later *iq_defer(struct walk *walk);
void iq_later_answer(struct turn *turn, struct iq_later **later, struct xml_node *payload);
/* The same with a payload that is bytes, which name their namespace. */
void iq_later_answer_bytes(struct turn *turn, struct iq_later **later, struct str payload);
void iq_later_refuse(struct turn *turn, struct iq_later **later, enum stanza_error error, struct str text);
/* With one more element inside <error/>. */
void iq_later_refuse_with(struct turn *turn, struct iq_later **later, enum stanza_error error, struct str text,
                          struct xml_node *detail);
/* The error for a failed store job. */
void iq_later_failed(struct turn *turn, struct iq_later **later, int err);
/* The session that asked; NULL when it has gone or is of another home. */
struct session *iq_later_session(struct turn *turn, const struct iq_later *later);

/* Dispatch of an IQ request to the server, to oneself, or (IN) to an account. Answers service-unavailable if nobody handles it. */
void iq_dispatch(struct walk *walk);

/* A ping to a session's client (XEP-0199); its answer, or any error, calls session_proven. */
void iq_ping(struct turn *turn, struct session *session);
/* An IQ result or error from a session to the server: true when it answered a request of ours. */
bool iq_on_answer(struct walk *walk);

enum stanza_error iq_error_of(int err);

#endif
