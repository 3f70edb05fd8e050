/* fault.c: which promise is being broken. Only in the test build; chosen once, before any thread runs. */
#include "base/fault.h"

#include <string.h>

typedef int fault_is_not_empty; /* of the other builds */

#ifdef CONFAB_FAULTS
static enum fault chosen;

static const char *const names[] = {"",
#define FAULT_NAME_(name, text) text,
                                    FAULT_MAP(FAULT_NAME_)
#undef FAULT_NAME_
};

bool fault_is(enum fault fault) {
    return chosen == fault;
}

bool fault_choose(const char *name) {
    for (unsigned i = 1; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) != 0) continue;
        chosen = (enum fault)i;
        return true;
    }
    return false;
}
#endif
