/* home_test.c: an address has one home, the same for everybody, and homes share the addresses fairly. */
#include "unit.h"

#include "shard/shard.h"

static void test_homes_are_even_and_keyed(void **state) {
    (void)state;
    struct shard places[4];
    struct hub hub = {.shard_count = 4, .slot_key = {1}}, other = {.shard_count = 4, .slot_key = {2}};
    for (int i = 0; i < 4; i++) hub.places[i] = &places[i];
    unsigned count[4] = {0}, moved = 0;
    for (int i = 0; i < 10000; i++) {
        char text[32];
        snprintf(text, sizeof text, "user%d@localhost", i);
        struct str jid = str_c(text);
        assert_true(slot_of(&hub, jid) < SLOTS);
        assert_ptr_equal(home_of(&hub, jid), home_of_slot(&hub, slot_of(&hub, jid)));
        count[home_of(&hub, jid) - places]++;
        moved += slot_of(&hub, jid) != slot_of(&other, jid);
    }
    for (int i = 0; i < 4; i++) assert_in_range(count[i], 2250, 2750);
    assert_true(moved > 9900);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_homes_are_even_and_keyed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
