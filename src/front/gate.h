/* gate.h: a thread that accepts connections, does TLS, and proves who is there; then it hands the connection to its home. */
#ifndef CONFAB_FRONT_GATE_H
#define CONFAB_FRONT_GATE_H

#include "front/front.h"

struct gate;
extern const msg_handler gate_handlers[MSG_TYPES];

struct gate *gate_new(struct front *front, struct shard *place);
/* On the gate's own thread or before it runs. */
int gate_listen(struct gate *gate);
/* Stops accepting and drops what is not signed in. On its thread. */
void gate_close(struct gate *gate);
void gate_free(struct gate **gate);

#endif
