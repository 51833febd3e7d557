#include "proxy/compare/parts.h"

#include <math.h>
#include <xxhash.h>

#define WHOLE_MAX 9223372036854774784.0 /* the largest double below 2^63 */

/* A number as one of two kinds: what 1 and 1.0 have in common. */
struct number {
    bool is_whole;
    int64_t whole;
    double real;
};

static struct number number_of(const json_t *value)
{
    double real;

    if (json_is_integer(value)) {
        json_int_t whole = json_integer_value(value);

        return (struct number){true, whole, (double)whole};
    }
    real = json_real_value(value);
    if (real >= -WHOLE_MAX && real <= WHOLE_MAX && real == nearbyint(real))
        return (struct number){true, (int64_t)real, real};
    return (struct number){false, 0, real};
}

bool px_compare_numbers_equal(const json_t *a, const json_t *b)
{
    struct number one = number_of(a);
    struct number two = number_of(b);

    if (one.is_whole != two.is_whole)
        return false;
    return one.is_whole ? one.whole == two.whole : one.real == two.real;
}

bool px_compare_numbers_near(const json_t *primary, const json_t *shadow,
                             const struct px_tolerance *tolerance)
{
    double one = json_number_value(primary);
    double two = json_number_value(shadow);
    double allowed = tolerance->is_relative ? fabs(one) * tolerance->amount : tolerance->amount;

    /* 10.01 - 10 is a little more than 0.01: binary fractions are not the user's fault */
    return fabs(one - two) <= allowed + 1e-12 * (fabs(one) + fabs(two));
}

uint64_t px_compare_number_hash(const json_t *number, uint64_t seed)
{
    struct number value = number_of(number);

    return value.is_whole ? XXH3_64bits_withSeed(&value.whole, sizeof(value.whole), seed)
                          : XXH3_64bits_withSeed(&value.real, sizeof(value.real), ~seed);
}
