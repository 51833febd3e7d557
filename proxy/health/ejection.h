/*
 * ejection: takes an endpoint out for a while whose requests fail, although its probes may be
 * answered.
 *
 * Private to proxy/health, but for px_health_eject() (health.h). Never more than half of a version
 * at once, and never its last open endpoint: a service that fails as a whole is better asked than
 * refused. Shapes: each ejection in a row is twice as long as the one before, up to a limit; as
 * long again without one, and the next is a first one. Units: ms. Threads: control.
 */
#ifndef PX_HEALTH_EJECTION_H
#define PX_HEALTH_EJECTION_H

#include <stdbool.h>
#include <stdint.h>

struct px_ejection_question {
    uint32_t endpoints; /* of the version */
    uint32_t ejected;   /* of them, now */
    uint32_t open;      /* of them, up and not ejected, this one included */
};

bool px_ejection_is_allowed(const struct px_ejection_question *question);

/* The n-th ejection in a row, from 0. */
uint64_t px_ejection_length_ms(uint32_t n, uint64_t first_ms, uint64_t max_ms);

#endif
