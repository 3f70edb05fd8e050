/*
 * home.c: where an address lives. Slots are many more than shards, so that load can be moved and the number of shards
 * changed without hashing every name anew; the key keeps a stranger from choosing names that all fall on one shard.
 * Pure functions of a hub that does not change while places run. Any thread.
 */
#include "base/check.h"
#include "base/map.h"
#include "shard/shard.h"

uint16_t slot_of(const struct hub *hub, struct str bare_jid) {
    return (uint16_t)(siphash(hub->slot_key, bare_jid.p, bare_jid.len) % SLOTS);
}

struct shard *home_of_slot(const struct hub *hub, uint16_t slot) {
    CHECK(slot < SLOTS && hub->shard_count > 0);
    return hub->places[slot % hub->shard_count];
}
