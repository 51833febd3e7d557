/*
 * shares: parts of a million between weights, exactly.
 *
 * Not for JSON or rules. Pure. Units: ppm. Errors: below. Threads: any.
 * Source: largest remainder method (Hamilton); ties go to the one that is named first.
 */
#ifndef PX_ADMIN_SHARES_H
#define PX_ADMIN_SHARES_H

#include <stdint.h>

#define PX_SHARES_PPM 1000000u
#define PX_SHARES_FREE UINT32_MAX /* as a fixed share: scaled like the others */

/*
 * Fixed shares stay; what they leave of a million goes to the others in proportion to their
 * weights, so that the sum is exact and nobody is off by one part or more. -ERANGE: the fixed ones
 * alone are more than a million; -ENOENT: something is left and nobody of positive weight takes it.
 */
int px_shares_scale(const uint64_t *weights, const uint32_t *fixed, uint32_t count,
                    uint32_t *ret_ppm);

/* The smallest whole numbers of the same proportions. All 0 stays so. */
void px_shares_reduce(uint32_t *weights, uint32_t count);

#endif
