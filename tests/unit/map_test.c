#include "base/map.h"
#include "unit.h"

/* The example in the paper, and lengths around a word. */
static void siphash_vectors(void **state) {
    (void)state;
    uint8_t key[16], in[15];
    for (uint8_t i = 0; i < 16; i++) key[i] = i;
    for (uint8_t i = 0; i < 15; i++) in[i] = i;
    assert_true(siphash(key, in, 15) == 0xa129ca6149be45e5u);
    assert_true(siphash(key, in, 0) == 0x726fdb47dd0e0e31u);
    assert_true(siphash(key, in, 1) == 0x74f839c593dc67fdu);
    assert_true(siphash(key, in, 8) == 0x93f5f5799a932462u);
    assert_true(map_hash(STR("a")) == map_hash(STR("a")) && map_hash(STR("a")) != map_hash(STR("b")));
}

#define KEYS 2000
static char names[KEYS][8];

static struct str name(size_t i) {
    return str_c(names[i]);
}

/* Against an array of flags: random putting and removing. */
static void random_walk(void **state) {
    (void)state;
    struct map m = MAP_INIT;
    bool there[KEYS] = {false};
    size_t count = 0;
    unsigned seed = 5;
    for (size_t i = 0; i < KEYS; i++) snprintf(names[i], sizeof names[i], "k%zu", i);
    for (int step = 0; step < 200000; step++) {
        seed = seed * 1103515245 + 12345;
        size_t i = (seed >> 8) % (step < 100000 ? KEYS : 50);
        void *expected = there[i] ? names[i] : NULL;
        if (seed & 0x80) {
            assert_ptr_equal(map_put(&m, name(i), names[i]), expected);
            count += !there[i];
            there[i] = true;
        } else {
            assert_ptr_equal(map_remove(&m, name(i)), expected);
            count -= there[i];
            there[i] = false;
        }
        assert_int_equal(map_count(&m), count);
        assert_true(map_cap(&m) <= 4096);
    }
    for (size_t i = 0; i < KEYS; i++) assert_ptr_equal(map_get(&m, name(i)), there[i] ? names[i] : NULL);
    map_free(&m);
    assert_null(map_get(&m, STR("k1")));
    map_free(&m);
}

static void walking_while_removing(void **state) {
    (void)state;
    struct map m = MAP_INIT;
    size_t at = 0, seen = 0;
    assert_null(map_next(&m, &at));
    for (size_t i = 0; i < 100; i++) map_put(&m, name(i), names[i]);
    at = 0;
    for (char *value; (value = map_next(&m, &at)); seen++) assert_ptr_equal(map_remove(&m, str_c(value)), value);
    assert_int_equal(seen, 100);
    assert_int_equal(map_count(&m), 0);
    map_free(&m);
}

static void replacing_takes_the_new_key(void **state) {
    (void)state;
    struct map m = MAP_INIT;
    char old_key[] = "same", new_key[] = "same";
    map_put(&m, str_c(old_key), old_key);
    assert_ptr_equal(map_put(&m, str_c(new_key), new_key), old_key);
    old_key[0] = 'x';
    assert_ptr_equal(map_get(&m, STR("same")), new_key);
    map_put(&m, STR_NONE, old_key);
    assert_ptr_equal(map_get(&m, STR("")), old_key);
    map_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_vectors),
        cmocka_unit_test(random_walk),
        cmocka_unit_test(walking_while_removing),
        cmocka_unit_test(replacing_takes_the_new_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
