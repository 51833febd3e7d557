#include "strategies/traffic/balances.h"

#include <assert.h>
#include <string.h>

static const struct strategy_balance_ops balances[STRATEGY_BALANCE_COUNT] = {
    [STRATEGY_ROUND_ROBIN] = {"round_robin", strategy_round_robin},
    [STRATEGY_LEAST_REQUESTS] = {"least_requests", strategy_least_requests},
    [STRATEGY_HASH] = {"hash", strategy_hash},
};

const struct strategy_balance_ops *strategy_balance_ops(enum strategy_balance balance)
{
    assert((unsigned)balance < STRATEGY_BALANCE_COUNT);
    return &balances[balance];
}

const struct strategy_balance_ops *strategy_find_balance(const char *name,
                                                         enum strategy_balance *ret_balance)
{
    for (unsigned i = 0; i < STRATEGY_BALANCE_COUNT; i++) {
        if (strcmp(balances[i].name, name) == 0) {
            *ret_balance = (enum strategy_balance)i;
            return &balances[i];
        }
    }
    return NULL;
}
