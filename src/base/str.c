/*
 * str.c: the little of str.h that is too long to be inline. Pure; any thread.
 */
#include "base/str.h"

bool str_to_u64(struct str s, unsigned long long max, unsigned long long *out) {
    unsigned long long n = 0;
    if (s.len == 0) return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        unsigned digit = (unsigned)(s.p[i] - '0');
        if (digit > max || n > (max - digit) / 10) return false;
        n = n * 10 + digit;
    }
    *out = n;
    return true;
}
