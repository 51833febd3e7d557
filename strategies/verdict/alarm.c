#include "strategies/verdict/verdict.h"

#include <assert.h>
#include <math.h>

#define STRETCHES 10000.0

/*
 * Page's cumulative sum (1954): the log likelihood ratio of twice the limit against the limit,
 * never below 0. At the limit, at most one in STRETCHES requests starts a stretch that gets this
 * far (Lorden 1971).
 */
bool strategy_alarm_add(struct strategy_alarm *alarm, double limit, uint64_t requests,
                        uint64_t errors)
{
    double twice = 2 * limit < (1 + limit) / 2 ? 2 * limit : (1 + limit) / 2;
    double gain;

    assert(errors <= requests && limit > 0 && limit < 1);
    gain = (double)errors * log(twice / limit) +
           (double)(requests - errors) * log((1 - twice) / (1 - limit));
    if (alarm->evidence + gain <= 0) {
        *alarm = (struct strategy_alarm){0, 0, 0};
        return false;
    }
    alarm->evidence += gain;
    alarm->requests += requests;
    alarm->errors += errors;
    return alarm->evidence >= log(STRETCHES);
}
