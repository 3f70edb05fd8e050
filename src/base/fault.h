/*
 * fault.h: sabotages, so that the tests are tested: a build with -Dfaults=true can be told to break one promise, and ./test proves that
 * somebody notices (tests/sim --sabotage NAME, tests/faults; in ./test long network confabd with CONFAB_FAULT=NAME). In every other
 * build fault_is is false and costs nothing.
 */
#ifndef CONFAB_BASE_FAULT_H
#define CONFAB_BASE_FAULT_H

#include <stdbool.h>

#define FAULT_MAP(X)                                                                                                   \
    X(ACK_EARLY, "ack-early")         /* h moves over a kept message before its commit */                              \
    X(DELIVER_EARLY, "deliver-early") /* a kept message is delivered before its commit */                              \
    X(SWAP, "swap")                   /* the second of two that wait is delivered first */                             \
    X(SKIP_CHECK, "skip-check")       /* who is blocked gets through */                                                \
    X(FORGET, "forget")               /* a message that is sent again is taken for a new one */                        \
    X(DECIDE_TWICE, "decide-twice")   /* the fate of a stanza is told twice */                                         \
    X(RESUME_SKIP, "resume-skip")     /* the first stanza that a resumption should repeat is not written */            \
    X(RESUME_TWICE, "resume-twice")   /* it is written twice */                                                        \
    X(RESUME_COUNT, "resume-count")   /* <resumed/> says that one more was handled than was */

enum fault {
    FAULT_NONE,
#define FAULT_ENUM_(name, text) FAULT_##name,
    FAULT_MAP(FAULT_ENUM_)
#undef FAULT_ENUM_
};

#ifdef CONFAB_FAULTS
bool fault_is(enum fault fault);
/* Before any thread runs. False: there is none of that name. */
bool fault_choose(const char *name);
#else
static inline bool fault_is(enum fault fault) {
    (void)fault;
    return false;
}
#endif

#endif
