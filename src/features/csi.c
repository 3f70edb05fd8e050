/* csi.c: Client State Indication (XEP-0352): <active/> and <inactive/>, on the stream or in Bind 2 (im/stream.c, im/bind.c); what follows from it is im/quiet.c's. */
#include "im/feature.h"
#include "im/quiet.h"
#include "im/session.h"

/* Section 5: whatever it was, a resumed session is active. */
static void on_resumed(struct turn *turn, struct session *s) {
    quiet_end(turn, s);
}

const struct feature feature_csi = {
    .name = "csi",
    .spec = "XEP-0352",
    .version = "1.0.0",
    .text = "An inactive client is not woken by others' presence (the newest of each comes later, or before the next "
            "thing that wakes it) "
            "nor by typing notices.",
    .session_resumed = on_resumed,
};
