#include "proxy/admin/shares.h"

#include <errno.h>
#include <stdbool.h>

#define NOBODY UINT32_MAX

struct rest {
    uint64_t left;   /* ppm to deal */
    uint64_t weight; /* of those it is dealt to */
};

static int find_rest(const uint64_t *weights, const uint32_t *fixed, uint32_t count,
                     struct rest *ret_rest)
{
    uint64_t taken = 0;
    uint64_t weight = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (fixed[i] == PX_SHARES_FREE)
            weight += weights[i];
        else
            taken += fixed[i];
    }
    if (taken > PX_SHARES_PPM)
        return -ERANGE;
    if (taken < PX_SHARES_PPM && weight == 0)
        return -ENOENT;
    *ret_rest = (struct rest){PX_SHARES_PPM - taken, weight};
    return 0;
}

/* Who has the largest remainder among those that have not been rounded up yet. */
static uint32_t find_largest(const uint64_t *weights, const uint32_t *fixed, uint32_t count,
                             const struct rest *rest, const uint32_t *ppm)
{
    uint32_t best = NOBODY;
    uint64_t best_remainder = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t exact = rest->left * weights[i];
        bool is_open = fixed[i] == PX_SHARES_FREE && ppm[i] == exact / rest->weight;

        if (is_open && exact % rest->weight > best_remainder) {
            best = i;
            best_remainder = exact % rest->weight;
        }
    }
    return best;
}

int px_shares_scale(const uint64_t *weights, const uint32_t *fixed, uint32_t count,
                    uint32_t *ret_ppm)
{
    struct rest rest;
    uint64_t dealt = 0;
    int error = find_rest(weights, fixed, count, &rest);

    if (error)
        return error;
    for (uint32_t i = 0; i < count; i++) {
        if (fixed[i] != PX_SHARES_FREE) {
            ret_ppm[i] = fixed[i];
            continue;
        }
        ret_ppm[i] = rest.weight ? (uint32_t)(rest.left * weights[i] / rest.weight) : 0;
        dealt += ret_ppm[i];
    }
    for (; dealt < rest.left; dealt++)
        ret_ppm[find_largest(weights, fixed, count, &rest, ret_ppm)]++;
    return 0;
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b > 0) {
        uint32_t r = a % b;

        a = b;
        b = r;
    }
    return a;
}

void px_shares_reduce(uint32_t *weights, uint32_t count)
{
    uint32_t common = 0;

    for (uint32_t i = 0; i < count; i++)
        common = gcd(weights[i], common);
    for (uint32_t i = 0; common > 0 && i < count; i++)
        weights[i] /= common;
}
